"""The dashboard, the alert rules and the reference page agree with the table of metrics."""

import json
import re
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.write_metrics import PAGE, page
from sync_airflow.monitoring.metrics import METRICS, Metric
from sync_jobs.catalogue import JOBS
from tests.deployment.compose_file import SERVICES
from tests.monitoring.prometheus import MONITORING, PROMTOOL

RULES_FILE = MONITORING / "rules" / "tis-sync.yaml"
RULES: list[dict[str, Any]] = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((MONITORING / "grafana" / "dashboards" / "tis-sync.json").read_text(encoding="utf-8"))
DATA_SOURCES = yaml.safe_load((MONITORING / "grafana" / "datasources" / "prometheus.yaml").read_text(encoding="utf-8"))
OPERATIONS = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")

BY_NAME = {metric.prometheus_name: metric for metric in METRICS}
METRIC = re.compile(r"\bairflow_\w+")
# A metric and what stands in braces behind it.
SELECTOR = re.compile(r"\b(airflow_tis_sync_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
IN_TEXT = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool, of the package prometheus, is not installed")


def expressions() -> Iterator[tuple[str, str, str]]:
    """Of the dashboard and the rules: where it stands, the expression, and the texts that name its labels."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']!r}", target["expr"], target["legendFormat"]
    for rule in RULES:
        yield f"alert {rule['alert']}", rule["expr"], " ".join(rule["annotations"].values())


def metrics_of_airflow() -> set[str]:
    """The names of Airflow's own metrics, as in Prometheus."""
    spec = find_spec("airflow")
    assert spec is not None
    assert spec.origin is not None
    table = Path(spec.origin).parent / "_shared" / "observability" / "metrics" / "metrics_template.yaml"
    return {
        "airflow_" + metric["name"].replace(".", "_")
        for metric in yaml.safe_load(table.read_text(encoding="utf-8"))["metrics"]
    }


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make generate"


def test_every_metric_that_a_panel_or_an_alert_names_exists() -> None:
    known = set(BY_NAME) | metrics_of_airflow()
    unknown = {
        (where, name)
        for where, expression, _ in expressions()
        for name in METRIC.findall(expression)
        if name not in known and name.removesuffix("_total") not in known
    }
    assert unknown == set()


def test_every_label_that_a_panel_or_an_alert_names_exists() -> None:
    for where, expression, text in expressions():
        used: list[Metric] = []
        for name, selector in SELECTOR.findall(expression):
            used.append(BY_NAME[name])
            assert set(LABEL.findall(selector)) <= set(BY_NAME[name].labels), where
        if used:
            labels = {label for metric in used for label in metric.labels}
            assert set(IN_TEXT.findall(text)) <= labels, where


def test_every_metric_is_on_the_dashboard() -> None:
    panels = [expression for where, expression, _ in expressions() if where.startswith("panel")]
    shown = {name for expression in panels for name in METRIC.findall(expression)}
    assert set(BY_NAME) - shown == set()


def test_panels_use_the_data_source_that_is_provisioned_and_do_not_overlap() -> None:
    sources = {source["uid"] for source in DATA_SOURCES["datasources"]}
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert {panel["datasource"]["uid"]} | {each["datasource"]["uid"] for each in panel["targets"]} <= sources
        assert panel["description"].endswith(".")
        place = panel["gridPos"]
        covered = {
            (column, line)
            for column in range(place["x"], place["x"] + place["w"])
            for line in range(place["y"], place["y"] + place["h"])
        }
        assert not covered & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        cells |= covered
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_number_of_jobs_in_rules_and_dashboard_is_that_of_the_table() -> None:
    rule = next(rule for rule in RULES if rule["alert"] == "JobWithoutMetrics")
    assert rule["expr"].endswith(f"< {len(JOBS)}")
    assert f"of the {len(JOBS)} jobs" in rule["annotations"]["summary"]
    panel = next(panel for panel in DASHBOARD["panels"] if panel["title"].startswith("Jobs that succeeded"))
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == len(JOBS)


def test_every_alert_has_a_severity_says_what_to_do_and_is_explained() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert f"| `{rule['alert']}` |" in OPERATIONS, f"add a row for {rule['alert']} to docs/monitoring.md"


def test_the_run_book_has_the_section_that_an_alert_names() -> None:
    for rule in RULES:
        document, _, section = rule["annotations"]["runbook"].partition("#")
        text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert section in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_collector_of_the_tests_has_the_version_of_the_deployment() -> None:
    script = Path(__file__).with_name("build_collector.sh").read_text(encoding="utf-8")
    version = re.search(r"VERSION=v(\S+)", script)
    assert version is not None
    assert SERVICES["otel-collector"]["image"].startswith(f"otel/opentelemetry-collector-contrib:{version[1]}@")


@needs_promtool
def test_prometheus_accepts_its_configuration_and_the_rules() -> None:
    check = [str(PROMTOOL), "check", "config", str(MONITORING / "prometheus.yml")]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(RULES)} rules found" in result.stdout


@needs_promtool
def test_every_alert_fires_when_it_should_and_only_then() -> None:
    tests = Path(__file__).with_name("alerts_test.yaml")
    cases = yaml.safe_load(tests.read_text(encoding="utf-8"))["tests"]
    tried = {each["alertname"] for case in cases for each in case["alert_rule_test"] if each.get("exp_alerts")}
    assert {rule["alert"] for rule in RULES} == tried
    result = subprocess.run([str(PROMTOOL), "test", "rules", str(tests)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
