"""Measures the index build and other ways to fill an index, each run paired with a replay of prepared bodies."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch
from rich.console import Console
from rich.table import Table

from bench.index_variants import write_bodies

MEGABYTE = 1_000_000
OTHERS = ("parallel_bulk", "streaming_bulk", "paging")
# What a build does apart from loading: phases of its report.
VERIFICATION = ("verify", "compare", "promote")
CATCHING_UP = ("catch up", "cover the swap")


@dataclass(frozen=True)
class Bench:
    """The addresses of the servers, and a folder for the prepared request bodies."""

    dsn: str
    url: str
    run_date: date
    folder: Path
    console: Console

    def measure(self, pairs: int, others: Sequence[str]) -> list[tuple[str, list[dict[str, Any]], list[float]]]:
        """(variant, the measurements of each run, the seconds of the replay that was paired with each)."""
        bodies = self.folder / "bodies"
        size = write_bodies(self.dsn, self.run_date, bodies)
        self.console.print(f"{size / MEGABYTE:,.0f} MB of bulk bodies")
        given = {"dsn": self.dsn, "url": self.url, "run_date": self.run_date.isoformat(), "bodies": str(bodies)}
        self.run("build", given)  # warms the servers and leaves a live index for the next build to compare with
        results = []
        for variant, rounds in (("build", pairs), *((other, 1) for other in others)):
            runs, floors = [], []
            for number in range(1, rounds + 1):
                self.console.print(f"{variant}: {number} of {rounds}, with its replay")
                floors.append(self.run("replay", given)["seconds"])
                runs.append(self.run(variant, given))
            results.append((variant, runs, floors))
        return results

    def run(self, variant: str, given: dict[str, Any]) -> dict[str, Any]:
        with self.other_index() as index:
            command = [sys.executable, "-m", "bench.index_variants", variant, json.dumps(given | {"index": index})]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
        if done.returncode:
            raise RuntimeError(f"{variant} failed:\n{done.stderr}")
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return measured

    @contextmanager
    def other_index(self) -> Iterator[str]:
        """The name of the index for all variants except the build; it is removed afterwards."""
        with Elasticsearch(self.url, request_timeout=120) as client:
            yield "bench-persons"
            client.options(ignore_status=404).indices.delete(index="bench-persons")


def show(results: list[tuple[str, list[dict[str, Any]], list[float]]], persons: int) -> None:
    """One line per variant, with medians; then what the build does apart from loading."""
    table = Table(
        title=f"Filling the index: {persons:,} persons",
        caption="ratio: to the paired replay of prepared bodies; CPU in seconds",
    )
    table.add_column("way")
    for name in ("seconds", "ratio", "lowest to highest", "Python CPU", "PostgreSQL CPU", "memory, MB"):
        table.add_column(name, justify="right")
    every_floor = [floor for _, _, floors in results for floor in floors]
    table.add_row("replay", f"{statistics.median(every_floor):.2f}", "1.00", "", "", "", "")
    for variant, runs, floors in results:
        ratios = [run["seconds"] / floor for run, floor in zip(runs, floors, strict=True)]
        postgres = [run["postgres_cpu"] for run in runs if "postgres_cpu" in run]
        table.add_row(
            variant,
            f"{median(runs, 'seconds'):.2f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
            f"{median(runs, 'python_cpu'):.2f}",
            f"{statistics.median(postgres):.2f}" if postgres else "",
            f"{max(run['memory'] for run in runs) / MEGABYTE:.0f}",
        )
    console = Console(width=140)
    console.print(table)
    _, builds, _ = results[0]
    phases = {name: statistics.median(run["phases"][name] for run in builds) for name in builds[0]["phases"]}
    console.print("phases of a build, seconds: " + ", ".join(f"{name} {value:.2f}" for name, value in phases.items()))
    for what, names in (("verification, comparison, promotion", VERIFICATION), ("catching up", CATCHING_UP)):
        seconds = sum(phases[name] for name in names)
        console.print(f"{what}: {seconds:.2f} s, {seconds / median(builds, 'seconds'):.0%} of the loading time")


def median(runs: list[dict[str, Any]], name: str) -> float:
    values: list[float] = [run[name] for run in runs]
    return statistics.median(values)
