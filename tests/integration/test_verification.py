"""A new index that is not as PostgreSQL has it is refused, and the refusal names the numbers and the persons."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.postgres.statements import execute
from sync_jobs.search import bulk, index_alias
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, Application
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, RunJob, all_indices

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
Tamper = Callable[[Elasticsearch, str], Any]


@pytest.fixture
def spoil(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Tamper], str]:
    """Builds an index that somebody else writes to once it is loaded; returns how it was refused."""
    application = Application(tcs, elasticsearch)
    application.add(range(1, 51))
    tcs.execute("INSERT INTO person_trust SELECT id, 7, 'TRAINING' FROM person")
    (live,) = run(JOB, RUN_DATE).indices["live"]
    original = index_alias.make_searchable

    def build(tamper: Tamper) -> str:
        def make_searchable(client: Elasticsearch, name: str, settings: IndexSettings) -> None:
            original(client, name, settings)
            tamper(client, name)
            client.indices.refresh(index=name)

        monkeypatch.setattr(index_alias, "make_searchable", make_searchable)
        with pytest.raises(IndexNotAsExpected, match=r"The live index was not touched\.") as caught:
            run(JOB, RUN_DATE)
        assert all_indices(elasticsearch) == [live]
        return str(caught.value)

    return build


def document_of(client: Elasticsearch, name: str, person: int) -> dict[str, Any]:
    (hit,) = scan(client, index=name, query={"query": {"term": {"personId": person}}})
    return dict(hit)


def test_a_missing_document_is_reported(spoil: Callable[[Tamper], str]) -> None:
    refusal = spoil(lambda client, name: client.delete(index=name, id=document_of(client, name, 17)["_id"]))
    assert "expected 50 documents with 50 trusts" in refusal
    assert "found 49 documents with 49 trusts" in refusal
    assert "The documents of persons 17 differ." in refusal


def test_an_extra_document_is_reported(spoil: Callable[[Tamper], str]) -> None:
    refusal = spoil(lambda client, name: client.index(index=name, document={"personId": 1_000}))
    assert "found 51 documents" in refusal
    assert "The documents of persons 1000 differ." in refusal


def test_only_the_first_of_many_persons_are_named(spoil: Callable[[Tamper], str]) -> None:
    def empty(client: Elasticsearch, name: str) -> None:
        for hit in scan(client, index=name):
            client.delete(index=name, id=hit["_id"])

    assert "persons 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and more differ" in spoil(empty)


def test_a_field_of_a_sampled_person_that_is_wrong_is_named_without_its_content(spoil: Callable[[Tamper], str]) -> None:
    def change(client: Elasticsearch, name: str) -> None:
        hit = document_of(client, name, 23)
        changed = hit["_source"] | {"surname": "Wrong", "trusts": [{"personId": 23, "trustId": 8}]}
        client.index(index=name, id=hit["_id"], document=changed)

    refusal = spoil(change)
    assert "of 50 persons compared field by field with a plain query, 1 differ" in refusal
    assert "person 23: fields surname, trusts" in refusal
    assert not re.search("Wrong|Adeyemi", refusal)


def test_the_sample_is_no_larger_than_the_setting_and_the_same_for_the_same_index(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch
) -> None:
    Application(tcs, elasticsearch).add(range(1, 1_001))

    def picked(seed: str) -> list[int]:
        rows = execute(job_connection, PERSONS.query("sample_keys"), {"seed": seed, "size": 20})
        return [row[0] for row in rows]

    assert len(set(picked("persons-a"))) == 20
    assert picked("persons-a") == picked("persons-a") != picked("persons-b")


def test_a_build_can_be_watched_while_it_loads(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    Application(tcs, elasticsearch).add(range(1, 201))
    assert index_alias.find_build(elasticsearch, index_alias.find_indices(elasticsearch, ALIAS)) is None
    seen = []
    original = bulk.load

    def load(*arguments: Any, **keywords: Any) -> int:
        seen.append(index_alias.find_build(elasticsearch, index_alias.find_indices(elasticsearch, ALIAS)))
        sent = original(*arguments, **keywords)
        seen.append(index_alias.find_build(elasticsearch, index_alias.find_indices(elasticsearch, ALIAS)))
        return sent

    monkeypatch.setattr(bulk, "load", load)
    run(JOB, RUN_DATE)
    assert [(build.documents, build.expected) for build in seen if build] == [(0, 200), (200, 200)]
    assert index_alias.find_build(elasticsearch, index_alias.find_indices(elasticsearch, ALIAS)) is None


def test_a_build_can_be_watched_before_a_shard_of_its_index_has_started(elasticsearch: Elasticsearch) -> None:
    elasticsearch.indices.create(
        index=f"{ALIAS}-20260310t012900-000000",
        mappings={"_meta": {"alias": ALIAS, "expected_documents": 200}},
        settings={"index.routing.allocation.require._name": "no such node"},
        wait_for_active_shards=0,
    )
    build = index_alias.find_build(elasticsearch, index_alias.find_indices(elasticsearch, ALIAS))
    assert build
    assert (build.documents, build.expected) == (0, 200)


def test_progress_is_logged_as_often_as_the_setting_says(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    Application(tcs, elasticsearch).add(range(1, 201))
    caplog.set_level("INFO", logger="sync_jobs")
    run(JOB, RUN_DATE, settings=IndexSettings(progress_seconds=0, body_bytes=10_000, settle_seconds=0))
    lines = [line for line in caplog.messages if "of about 200 documents" in line]
    assert len(lines) > 2
    assert re.fullmatch(r"persons-\S+: \d+ of about 200 documents, \d+ a second", lines[0])


def test_meta_explains_the_index(tcs: Connection, run: RunJob, elasticsearch: Elasticsearch) -> None:
    """Of four rows of contact details, one has no person and one gives three documents: the estimate is 4 of 5."""
    Application(tcs, elasticsearch).add(range(1, 4))
    tcs.execute("INSERT INTO contact_details (id, surname) VALUES (9, 'Nobody')")
    tcs.execute(
        "INSERT INTO placement (id, trainee_id, date_from, date_to, site_id) "
        "SELECT site, 1, '2026-01-01', '2026-12-31', site FROM generate_series(1, 3) AS site"
    )
    tcs.execute("INSERT INTO person_trust VALUES (1, 5, 'EMPLOYING'), (1, 5, 'TRAINING'), (2, 5, 'TRAINING')")
    tcs.execute("INSERT INTO programme_membership (uuid, person_id) VALUES (gen_random_uuid(), 3)")
    tcs.execute(
        "INSERT INTO curriculum_membership (id, programme_membership_uuid) SELECT 7, uuid FROM programme_membership"
    )
    (name,) = run(JOB, RUN_DATE, run_id="manual__1", settings=SETTINGS).indices["live"]
    meta = index_alias.own_indices(elasticsearch, ALIAS)[name]
    assert (meta["run_id"], meta["run_date"], meta["alias"], meta["finished"]) == (
        "manual__1",
        "2026-03-10",
        ALIAS,
        True,
    )
    assert (meta["expected_documents"], meta["documents"], meta["nested"]) == (
        4,
        5,
        {"trusts": 4, "programmeMemberships": 1},
    )
    assert re.fullmatch(r"\d+:\d+:[\d,]*", meta["source_snapshot"])
    assert meta["definition"] == PERSONS.version
    built = index_alias.built_at(name)
    assert built is not None
    since_build = datetime.fromisoformat(meta["live_since"]) - built.replace(microsecond=0)
    assert timedelta(0) <= since_build < timedelta(hours=1)
    assert set(meta["versions"]) == {"postgresql", "elasticsearch"}
    assert meta["versions"]["elasticsearch"] == ["9.5.3"]
