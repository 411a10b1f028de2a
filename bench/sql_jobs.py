"""Measures the seven jobs that write to PostgreSQL."""

import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from elasticsearch import Elasticsearch
from rich.console import Console

from local import postgres as local_postgres
from local.demo_data import load_demo_data
from sync_jobs.catalogue import find_job
from sync_jobs.guard_rail import Limits
from sync_jobs.postgres.sql_files import read_sql
from sync_jobs.report import Report
from sync_jobs.runner import run_job

ROUNDS = 5
MEGABYTE = 1_000_000

# Changes one per cent of the source rows: every hundredth post gets another owner and other bodies, its fundings end a
# day before the run date, and so do the memberships of every hundredth person.
CHANGE = """
    UPDATE post SET owner = coalesce(owner, '') || '.', employing_body_id = coalesce(employing_body_id, 0) + 1,
        training_body_id = coalesce(training_body_id, 0) + 1
    WHERE mod(id, 100) = 7;
    UPDATE post_funding SET start_date = '2000-01-01', end_date = %(run_date)s::date - 1 WHERE mod(post_id, 100) = 7;
    UPDATE programme_membership SET programme_end_date = %(run_date)s::date - 1 WHERE mod(person_id, 100) = 7;
"""


@dataclass(frozen=True)
class Statements:
    """The SQL files of one job, as it runs them when nothing has changed, and their parameters."""

    job: str
    files: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    date_override: str = ""

    @property
    def label(self) -> str:
        return f"{self.job}, {self.date_override}" if self.date_override else self.job


@dataclass(frozen=True)
class Measurement:
    """Seconds (medians where there are several runs) and bytes of WAL. psql: only the statements, without the job."""

    job: str
    rows: int
    fill_seconds: float
    fill_wal: int
    psql_seconds: float
    no_change_seconds: float
    no_change_wal: int
    changed_rows: int
    change_seconds: float
    change_wal: int


def statements(run_date: date) -> tuple[Statements, ...]:
    def link(job: str, table: str, body: str) -> Statements:
        files = (f"{table}_existing", f"{table}_difference", "difference_counts")
        return Statements(job, files, {"body": body})

    def update(job: str, name: str, date_override: str = "") -> Statements:
        candidates = f"{name}_candidates_any" if date_override else f"{name}_candidates"
        files = (candidates, "candidate_count", f"{name}_difference", "difference_counts")
        dates = {"run_date": run_date, "first_date": run_date, "last_date": run_date}
        return Statements(job, files, dates, date_override)

    owner = ("person_owner_existing", "person_owner_difference", "difference_counts")
    return (
        Statements("PersonOwnerRebuildJob", owner, {"run_date": run_date}),
        link("PersonPlacementEmployingBodyTrustJob", "person_trust", "EMPLOYING"),
        link("PersonPlacementTrainingBodyTrustJob", "person_trust", "TRAINING"),
        link("PostEmployingBodyTrustJob", "post_trust", "EMPLOYING"),
        link("PostTrainingBodyTrustJob", "post_trust", "TRAINING"),
        update("PostFundingStatusSyncJob", "post_funding_status"),
        update("PersonRecordStatusJob", "person_record_status"),
        update("PersonRecordStatusJob", "person_record_status", "ANY"),
    )


def prepare(
    postgres: local_postgres.Postgres, client: Elasticsearch, persons: int, run_date: date, console: Console
) -> "Bench":
    """Load demo data."""
    dsn = postgres.dsn("tcs", "tcs")
    local_postgres.create_tables(dsn)
    console.print(f"Loading demo data: {persons:,} persons")
    application = psycopg.connect(dsn, autocommit=True)
    load_demo_data(application, persons, run_date)
    application.execute("VACUUM ANALYZE")
    return Bench(application, postgres.dsn("sync_jobs", "tcs"), client, run_date)


@dataclass(frozen=True)
class Bench:
    """application: a connection of the role that owns the tables."""

    application: psycopg.Connection[Any]
    job_dsn: str
    client: Elasticsearch
    run_date: date

    def fill(self, console: Console) -> dict[str, tuple[Report, int]]:
        """The first run of each job: its report and the bytes of WAL, by name."""
        fills = {}
        for each in statements(self.run_date):
            console.print(f"{each.label}: first fill")
            fills[each.label] = self.run(each)
        self.application.execute("VACUUM ANALYZE")
        return fills

    def measure(self, fills: dict[str, tuple[Report, int]], console: Console) -> list[Measurement]:
        """Every job, without changes and with one per cent of the source rows changed."""
        quiet = {}
        for each in statements(self.run_date):
            console.print(f"{each.label}: no change, {ROUNDS} rounds")
            quiet[each.label] = self.no_change(each)
        psycopg.ClientCursor(self.application).execute(CHANGE, {"run_date": self.run_date})
        self.application.execute("VACUUM ANALYZE")
        results = []
        for each in statements(self.run_date):
            console.print(f"{each.label}: one per cent changed")
            filled, fill_wal = fills[each.label]
            psql_seconds, seconds, wal = quiet[each.label]
            changed, change_wal = self.run(each)
            rows = changed.added + changed.changed + changed.removed
            results.append(
                Measurement(
                    *(each.label, filled.read, filled.seconds, fill_wal, psql_seconds, seconds, wal),
                    *(rows, changed.seconds, change_wal),
                )
            )
        return results

    def run(self, each: Statements) -> tuple[Report, int]:
        """The job's report, and the bytes of WAL written during it."""
        return self._with_wal(lambda: self._report(each))

    def no_change(self, each: Statements) -> tuple[float, float, int]:
        """Median seconds in psql and in the job, which run alternately, and the job's median bytes of WAL."""
        in_psql, in_job, wal = [], [], []
        for _ in range(ROUNDS):
            in_psql.append(self._psql_seconds(each))
            report, written = self.run(each)
            in_job.append(report.seconds)
            wal.append(written)
        return statistics.median(in_psql), statistics.median(in_job), int(statistics.median(wal))

    def _report(self, each: Statements) -> Report:
        with psycopg.connect(self.job_dsn, autocommit=True) as connection:
            return run_job(
                find_job(each.job),
                postgres=connection,
                elasticsearch=self.client,
                run_date=self.run_date,
                date_override=each.date_override,
                limits=Limits(maximum_removed_percent=100, maximum_changed_percent=100),
            )

    def _psql_seconds(self, each: Statements) -> float:
        """The times that psql reports, without its start."""
        cursor = psycopg.ClientCursor(self.application)
        files = ("planner", *each.files)
        texts = [cursor.mogrify(read_sql(name), each.parameters) for name in files]
        script = "\n".join(["\\timing on", "BEGIN ISOLATION LEVEL REPEATABLE READ;", *texts, "ROLLBACK;"])
        psql = [str(local_postgres.BINARIES / "psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1", self.job_dsn]
        done = subprocess.run(psql, input=script, capture_output=True, text=True, check=True)
        times = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("Time: ")]
        return sum(map(float, times)) / 1000

    def _with_wal(self, work: Callable[[], Report]) -> tuple[Report, int]:
        before = self._wal_position()
        report = work()
        return report, self._wal_position() - before

    def _wal_position(self) -> int:
        return int(self.application.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchall()[0][0])
