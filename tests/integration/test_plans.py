"""How PostgreSQL executes the statements of the jobs at 50,000 persons: by hash or merge, never row by row.

At 200,000 persons it joins in the same ways (compared with PostgreSQL 18), and loading them takes four times as long.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from local.demo_data import load_demo_data
from sync_jobs.catalogue import JOBS
from sync_jobs.postgres.sql_files import read_sql
from sync_jobs.postgres.statements import execute
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.search.settings import IndexSettings
from tests.awkward_data import Connection
from tests.comparison import RunJob

PERSON_COUNT = 50_000
RUN_DATE = date(2026, 3, 10)
MANY_ROWS = 5_000  # one per cent and more of the big tables; a night's few candidates are well below

DATES = {"run_date": RUN_DATE, "first_date": RUN_DATE, "last_date": RUN_DATE}
STATEMENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("jobs/person_owner_difference", DATES),
    ("jobs/person_trust_difference", {"body": "EMPLOYING"}),
    ("jobs/person_trust_difference", {"body": "TRAINING"}),
    ("jobs/post_trust_difference", {"body": "EMPLOYING"}),
    ("jobs/post_trust_difference", {"body": "TRAINING"}),
    ("jobs/post_funding_status_candidates", DATES),
    ("jobs/post_funding_status_difference", DATES),
    ("jobs/person_record_status_candidates", DATES),
    ("jobs/person_record_status_candidates_any", DATES),
    ("indices/persons/totals", DATES),
)


def plan_of(connection: Connection, statement: str, parameters: dict[str, Any]) -> dict[str, Any]:
    cursor = psycopg.ClientCursor(connection).execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    plan: dict[str, Any] = cursor.fetchall()[0][0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def loops_over_many_rows(plan: dict[str, Any]) -> list[str]:
    """Nested loops that execute their inner side for many rows; those that cache its results (Memoize) do not count."""
    found = []
    for node in nodes(plan):
        if node["Node Type"] == "Nested Loop":
            outer, inner = node["Plans"]
            if outer["Plan Rows"] > MANY_ROWS and inner["Node Type"] != "Memoize":
                found.append(f"{outer['Plan Rows']} rows: {inner}")
    return found


@pytest.fixture
def filled(tcs: Connection, run: RunJob) -> Connection:
    load_demo_data(tcs, PERSON_COUNT, RUN_DATE)
    for job in JOBS:
        if "ElasticSearch" not in job.name:
            run(job.name, RUN_DATE)
    tcs.execute("ANALYZE")
    return tcs


def test_no_statement_uses_a_nested_loop_over_a_large_table(filled: Connection, job_connection: Connection) -> None:
    """All statements in one test, because loading the data takes longer than reading the plans."""
    assert filled
    loops = {}
    with snapshot(job_connection):
        for name, parameters in STATEMENTS:
            for statement in read_sql(name).rstrip(";\n").split(";\n"):
                if "SELECT" in statement:
                    loops[name] = loops_over_many_rows(plan_of(job_connection, statement, parameters))
                else:  # a setting for the one that follows
                    psycopg.ClientCursor(job_connection).execute(statement)
            if name == "jobs/post_funding_status_candidates":
                execute(job_connection, name, parameters)  # the difference reads the table that it makes
        execute(job_connection, "session/planner_in_key_order", {"parallel_workers": IndexSettings().parallel_workers})
        documents = plan_of(job_connection, read_sql("indices/persons/documents"), DATES | {"keys": None})
        loops["person_documents"] = loops_over_many_rows(documents)
        assert "Gather Merge" in {node["Node Type"] for node in nodes(documents)}, "a worker sorts"
    assert {name: found for name, found in loops.items() if found} == {}


def test_a_nested_loop_over_many_rows_is_found(tcs: Connection) -> None:
    many, few = "generate_series(1, 30000) AS many (n)", "generate_series(1, 3) AS few (n)"
    query = f"SELECT many.n FROM {many} LEFT JOIN {few} ON many.n > few.n"
    assert loops_over_many_rows(plan_of(tcs, query, {}))
