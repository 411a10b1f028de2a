"""Writes docs/reference/metrics.md from the table of metrics.

PYTHONPATH=plugins python docs/write_metrics.py
"""

from pathlib import Path

from sync_airflow.monitoring.metrics import METRICS

MONITORING = "../monitoring.md"  # seen from the page
PAGE = Path(__file__).with_name("reference") / "metrics.md"

INTRODUCTION = f"""\
# Metrics

<!-- Written by `PYTHONPATH=plugins python docs/write_metrics.py` from plugins/sync_airflow/monitoring/metrics.py -->

The jobs send these metrics through Airflow's own, StatsD or OpenTelemetry. [Monitoring]({MONITORING}) says how to
turn them on, and what watches them. Airflow sends `airflow.tis_sync.job.rows`; in Prometheus it is
`airflow_tis_sync_job_rows`. A dry run sends nothing.

"""


def page() -> str:
    """The whole page, in Markdown."""
    rows = [
        (
            f"`{each.prometheus_name}`",
            each.kind,
            each.unit,
            ", ".join(f"`{label}`" for label in each.labels),
            each.meaning,
        )
        for each in METRICS
    ]
    cells = [("metric", "kind", "unit", "labels", "meaning"), ("---",) * 5, *rows]
    return INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in cells)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
