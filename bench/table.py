"""The benchmark's report, as a table."""

from rich.console import Console
from rich.table import Table

from bench.sql_jobs import MEGABYTE, ROUNDS, Measurement


def show(measurements: list[Measurement], persons: int, python: str) -> None:
    """One line per job. ratio: the job compared with the same statements in psql, without changes."""
    table = Table(
        title=f"{persons:,} persons, Python {python}",
        caption=f"seconds; MB of WAL; medians of {ROUNDS} pairs without changes",
    )
    table.add_column("job")
    for name in ("rows", "first fill", "MB", "no change: psql", "job", "ratio", "MB", "1 %: rows", "job", "MB"):
        table.add_column(name, justify="right")
    for each in measurements:
        table.add_row(
            each.job,
            f"{each.rows:,}",
            *(f"{each.fill_seconds:.2f}", f"{each.fill_wal / MEGABYTE:.1f}"),
            *(f"{each.psql_seconds:.2f}", f"{each.no_change_seconds:.2f}"),
            f"{each.no_change_seconds / each.psql_seconds:.2f}",
            f"{each.no_change_wal / MEGABYTE:.2f}",
            *(f"{each.changed_rows:,}", f"{each.change_seconds:.2f}", f"{each.change_wal / MEGABYTE:.1f}"),
        )
    Console(width=140).print(table)
