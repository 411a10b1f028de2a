"""Measures the first promotion over a plain index, its undo and hand-back, beside usual builds.

Meanwhile a reader counts the documents of `persons`, and a writer edits persons as the application does
(docs/domain.md, "Writes of the application"). Each says how many of its requests failed, and how long the longest took.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, helpers
from rich.console import Console
from rich.table import Table

from local.processes import Service, processes_of
from sync_jobs.catalogue import find_job
from sync_jobs.hand_back import hand_back_index
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.runner import run_job, run_rollback
from sync_jobs.search import index_alias
from sync_jobs.search.settings import IndexSettings

MEGABYTE = 1_000_000
BLOCK = 512  # bytes in a unit of st_blocks
ALIAS = PERSONS.alias
# In the order in which they are measured. The plain index lacks the alias, the usual build replaces an index behind it.
FIRST, UNDO, USUAL, BACK = "first promotion", "rollback to the old documents", "usual build", "hand-back"


@dataclass
class Observed:
    """Requests of one kind: how many, the errors by kind, and the longest times in seconds.

    failing: from the first failure of a series to the next success, the longest series.
    """

    requests: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    longest: float = 0
    failing: float = 0
    first_failure: float | None = None

    def ask(self, request: Callable[[], Any]) -> Any:
        """The answer; None if the request fails."""
        began = time.monotonic()
        answer = None
        try:
            answer = request()
        except (ApiError, TransportError) as error:
            kind = f"{error.meta.status} {error.error}" if isinstance(error, ApiError) else type(error).__name__
            self.errors[kind] = self.errors.get(kind, 0) + 1
            self.first_failure = self.first_failure or began
        else:
            if self.first_failure is not None:
                self.failing = max(self.failing, time.monotonic() - self.first_failure)
                self.first_failure = None
        self.requests += 1
        self.longest = max(self.longest, time.monotonic() - began)
        return answer

    def line(self) -> str:
        errors = ", ".join(f"{count} x {kind}" for kind, count in self.errors.items())
        failed = f"failed for {self.failing:.2f} s ({errors})" if errors else "none failed"
        return f"{self.requests:,} requests, {failed}, longest {self.longest:.2f} s"


@dataclass
class Step:
    """What one step needed. cpu: of Elasticsearch, seconds. disk: bytes of its data: before, at most, after."""

    seconds: float
    cpu: float
    disk: tuple[int, int, int]
    reads: Observed
    writes: Observed
    counts: set[int]


@dataclass(frozen=True)
class Bench:
    """application: a connection of the role that owns the tables. home: folder of Elasticsearch's data."""

    application: psycopg.Connection[Any]
    job_dsn: str
    url: str
    service: Service
    home: Path
    run_date: date
    console: Console

    def measure(self, rounds: int) -> dict[str, list[Step]]:
        """Each step, so many times, after a build that makes the documents."""
        works = {FIRST: self.build, UNDO: self.roll_back, USUAL: self.build, BACK: self.hand_back}
        steps: dict[str, list[Step]] = {name: [] for name in works}
        self.build()
        self.hand_back()
        for number in range(1, rounds + 1):
            self.make_plain_index()
            for name, work in works.items():
                self.console.print(f"{name}: {number} of {rounds}")
                if name == USUAL:
                    self.roll_back("forward")  # the old documents have other ids, which takes longer to compare
                steps[name].append(step := self.observed(work))
                counts = f"{min(step.counts):,} to {max(step.counts):,} documents"
                self.console.print(f"  reads: {step.reads.line()}; {counts}")
                self.console.print(f"  writes: {step.writes.line()}")
        return steps

    def build(self) -> None:
        with psycopg.connect(self.job_dsn, autocommit=True) as connection, self.client() as client:
            job = find_job("PersonElasticSearchSyncJob")
            report = run_job(job, postgres=connection, elasticsearch=client, run_date=self.run_date)
        self.console.print(f"  {report.summary()} {report.phases}")

    def roll_back(self, direction: str = "back") -> None:
        with psycopg.connect(self.job_dsn, autocommit=True) as connection, self.client() as client:
            report = run_rollback(PERSONS, postgres=connection, elasticsearch=client, direction=direction)
        self.console.print(f"  {report.summary()}")

    def hand_back(self) -> None:
        with psycopg.connect(self.job_dsn, autocommit=True) as connection, self.client() as client:
            done = hand_back_index(PERSONS, postgres=connection, elasticsearch=client, settings=IndexSettings())
        self.console.print(f"  {done}")

    def make_plain_index(self) -> None:
        """Documents as the running service leaves them, with ids that Elasticsearch makes, and no other index."""
        with self.client() as client:
            client.indices.create(index="copy", mappings=PERSONS.mapping)
            documents = ({"_index": "copy", "_source": hit["_source"]} for hit in helpers.scan(client, index=ALIAS))
            helpers.bulk(client, documents, chunk_size=2_000, refresh=True)
            client.indices.delete(index=[ALIAS, *index_alias.own_indices(client, ALIAS)])
            client.indices.add_block(index="copy", block="write")
            client.indices.clone(index="copy", target=ALIAS, settings={"index.blocks.write": None})
            client.indices.delete(index="copy")

    def observed(self, work: Callable[[], None]) -> Step:
        node = next(iter(processes_of([self.service]).values()))
        before, cpu, began = data_size(self.home), sum(node.cpu_times()[:2]), time.monotonic()
        with self.observers() as (reads, writes, counts, sizes):
            work()
        seconds = time.monotonic() - began
        after = data_size(self.home)
        return Step(seconds, sum(node.cpu_times()[:2]) - cpu, (before, max(sizes), after), reads, writes, counts)

    @contextmanager
    def observers(self) -> Iterator[tuple[Observed, Observed, set[int], list[int]]]:
        """Reader and writer, while the block runs: their requests, the numbers of documents seen, the sizes on disk."""
        stop = threading.Event()
        reads, writes, counts, sizes = Observed(), Observed(), set[int](), [0]

        def read(client: Elasticsearch) -> None:
            answer = reads.ask(lambda: client.count(index=ALIAS))
            counts.update([answer["count"]] if answer else [])

        def write(client: Elasticsearch) -> None:
            self.edit(client, writes)

        def look(_: Elasticsearch) -> None:
            sizes.append(data_size(self.home))

        def repeat(act: Callable[[Elasticsearch], None], pause: float) -> None:
            with self.client() as client:
                while not stop.wait(pause):
                    act(client)

        threads = [threading.Thread(target=repeat, args=each) for each in ((read, 0.02), (write, 0.1), (look, 0.3))]
        for thread in threads:
            thread.start()
        try:
            yield reads, writes, counts, sizes
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def edit(self, client: Elasticsearch, writes: Observed) -> None:
        """One edit of the application: it commits the new name, and then replaces the documents of that person."""
        surname = f"Edited {random.randrange(10**9)}"
        rows = self.application.execute(
            "UPDATE contact_details SET surname = %s WHERE id = (SELECT max(id) FROM contact_details "
            "WHERE id <= %s) RETURNING id, forenames",
            (surname, random.randrange(1_000, self.persons())),
        ).fetchall()
        for person, forenames in rows:
            names = {"surname": surname, "fullName": f"{forenames} {surname}"}
            search = partial(client.search, index=ALIAS, query={"term": {"personId": person}}, size=100)
            answer = writes.ask(search)
            for hit in answer["hits"]["hits"] if answer else ():
                # The swap may have come between: then that document is not there.
                writes.ask(partial(client.options(ignore_status=404).delete, index=ALIAS, id=hit["_id"]))
                writes.ask(partial(client.index, index=ALIAS, document=hit["_source"] | names))

    def persons(self) -> int:
        ((newest,),) = self.application.execute("SELECT max(id) FROM contact_details").fetchall()
        return int(newest)

    def client(self) -> Elasticsearch:
        return Elasticsearch(self.url, request_timeout=120, retry_on_timeout=False, max_retries=0)


def data_size(home: Path) -> int:
    """Bytes on disk. Files with several names (hard links) count once; those that vanish meanwhile do not count."""
    found = {}
    for folder, _, names in os.walk(home / "data"):
        for name in names:
            with suppress(FileNotFoundError):
                status = Path(folder, name).stat()
                found[status.st_ino] = status.st_blocks * BLOCK
    return sum(found.values())


def show(steps: dict[str, list[Step]], persons: int) -> None:
    """One line per step, with medians; of failures and of requests the longest."""
    table = Table(title=f"Migration of search: {persons:,} persons", caption="times in seconds")
    table.add_column("step")
    for name in ("s", "ratio to a usual build", "CPU of Elasticsearch", "MB before, at most, after"):
        table.add_column(name, justify="right")
    for name in ("reads fail for", "longest read", "writes fail for", "longest write"):
        table.add_column(name, justify="right")
    for name, rounds in steps.items():
        ratios = [step.seconds / usual.seconds for step, usual in zip(rounds, steps[USUAL], strict=True)]
        sizes = (median(size) / MEGABYTE for size in zip(*(step.disk for step in rounds), strict=True))
        table.add_row(
            name,
            f"{median(step.seconds for step in rounds):.1f}",
            f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            f"{median(step.cpu for step in rounds):.1f}",
            ", ".join(f"{size:.0f}" for size in sizes),
            f"{max(step.reads.failing for step in rounds):.2f}",
            f"{max(step.reads.longest for step in rounds):.2f}",
            f"{max(step.writes.failing for step in rounds):.2f}",
            f"{max(step.writes.longest for step in rounds):.2f}",
        )
    Console(width=160).print(table)
