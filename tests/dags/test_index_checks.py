"""The checks of search on the page: what the application would meet is what they say."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest
from elasticsearch import Elasticsearch

from sync_jobs.index_definitions.persons import PERSONS
from sync_page import index_checks
from sync_page.index_checks import Check, check_index
from tests.application import Application
from tests.comparison import runner

INDEX = "persons-20260310t012900-000000"
WRITES = "the index accepts writes"
AGAINST_POSTGRESQL = ("the number of documents is as expected", "a sample agrees with PostgreSQL")


@pytest.fixture
def client(elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> Elasticsearch:
    @contextmanager
    def opened() -> Iterator[Elasticsearch]:
        yield elasticsearch

    monkeypatch.setattr(index_checks, "open_elasticsearch", opened)
    return elasticsearch


def check_of_writes() -> Check:
    (check,) = [each for each in check_index(PERSONS).checks if each.name == WRITES]
    return check


def test_an_index_behind_the_alias_accepts_writes(client: Elasticsearch) -> None:
    client.indices.create(index=INDEX, aliases={"persons": {}})
    assert check_of_writes().passed


def test_an_alias_without_a_write_index_rejects_writes(client: Elasticsearch) -> None:
    client.indices.create(index=INDEX, aliases={"persons": {"is_write_index": False}})
    check = check_of_writes()
    assert (check.passed, check.text) == (False, f"persons rejects writes: is_write_index of {INDEX} is false.")


def test_a_block_rejects_writes(client: Elasticsearch) -> None:
    client.indices.create(index=INDEX, aliases={"persons": {}}, settings={"index.blocks.write": True})
    check = check_of_writes()
    assert (check.passed, check.text) == (False, f"{INDEX} rejects writes: index.blocks.write.")


@pytest.mark.parametrize(
    ("hide", "reason"),
    [
        (
            "ALTER TABLE person ENABLE ROW LEVEL SECURITY; CREATE POLICY two ON person TO sync_jobs USING (id < 3)",
            "row-level security",
        ),
        (
            "ALTER TABLE person RENAME TO all_persons; CREATE VIEW person AS SELECT * FROM all_persons WHERE id < 3;"
            " GRANT SELECT ON person TO sync_jobs",
            "person is a view",
        ),
    ],
)
def test_rows_that_are_hidden_from_the_check_are_no_difference_of_the_index(
    client: Elasticsearch,
    tcs: psycopg.Connection[Any],
    job_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    hide: str,
    reason: str,
) -> None:
    @contextmanager
    def opened(*_: object) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(job_dsn, autocommit=True) as connection:
            yield connection

    monkeypatch.setattr(index_checks, "open_postgres", opened)
    Application(tcs, client).add(range(1, 6))
    with opened() as connection:
        runner(connection, client)("PersonElasticSearchSyncJob", date(2026, 3, 10))
    assert all(check.passed for check in check_index(PERSONS).checks)
    tcs.execute(hide)
    checks = {check.name: check for check in check_index(PERSONS).checks}
    assert [checks[name].passed for name in AGAINST_POSTGRESQL] == [None, None]
    assert all(reason in checks[name].text for name in AGAINST_POSTGRESQL)
