"""The checks of search on the page: what the application would meet is what they say."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.index_definitions.persons import PERSONS
from sync_page import index_checks
from sync_page.index_checks import Check, check_index

INDEX = "persons-20260310t012900-000000"
WRITES = "the index accepts writes"


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
