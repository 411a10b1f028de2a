"""The first promotion over the plain index that the running service leaves: its documents are kept for a rollback."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from sync_jobs.errors import GuardRail, IndexNotAsExpected
from sync_jobs.guard_rail import Limits
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.report import Report
from sync_jobs.runner import run_rollback
from sync_jobs.search import bulk, index_alias, plain_index
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, PERSON_IDS, Application, editing_all_the_time
from tests.awkward_data import Connection, load, make_data_set, seed_id, seeds
from tests.comparison import (
    MAPPING,
    SETTINGS,
    RunJob,
    all_indices,
    assert_same_documents,
    documents_behind_alias,
    indices_behind_alias,
)
from tests.integration.test_catch_up import CATCH_UP_FULLY, as_in_postgresql, index_contents
from tests.running_service import RunningService

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
FIRST_RUN = Limits(maximum_removed_percent=100, maximum_added_percent=1_000, maximum_changed_percent=100)


def hits(client: Elasticsearch, index: str) -> dict[str, Any]:
    """Id, routing and content of every document."""
    client.indices.refresh(index=index)
    return {hit["_id"]: (hit.get("_routing"), hit["_source"]) for hit in scan(client, index=index)}


def kept_index(client: Elasticsearch) -> str:
    """The only previous index."""
    (name,) = index_alias.find_indices(client, ALIAS).previous
    return name


@pytest.fixture
def roll(job_connection: Connection, elasticsearch: Elasticsearch) -> Callable[..., Report]:
    def roll(**arguments: Any) -> Report:
        arguments = {"settings": SETTINGS} | arguments
        return run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, **arguments)

    return roll


@pytest.fixture
def plain(application: Application, elasticsearch: Elasticsearch) -> Application:
    """An application whose persons are in a plain index, as the running service has left it."""
    RunningService(application.postgres, elasticsearch).build_index(RUN_DATE)
    return application


@pytest.mark.parametrize("seed", seeds(4), ids=seed_id)
def test_a_rollback_after_the_first_promotion_gives_back_every_document(
    tcs: Connection, run: RunJob, roll: Any, elasticsearch: Elasticsearch, seed: int
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    RunningService(tcs, elasticsearch).run_night(data.run_date)
    before, seen = hits(elasticsearch, ALIAS), documents_behind_alias(elasticsearch)
    run(JOB, data.run_date, limits=FIRST_RUN)
    kept = kept_index(elasticsearch)
    assert hits(elasticsearch, kept) == before
    report = roll()
    assert (report.indices["live"], report.read) == ([kept], len(before))
    assert report.warning.startswith(f"It is not known which definition (SQL and mapping) built {kept}.")
    assert_same_documents(documents_behind_alias(elasticsearch), seen)


@pytest.mark.usefixtures("plain")
def test_the_kept_index_says_what_it_is(run: RunJob, elasticsearch: Elasticsearch) -> None:
    mapping = elasticsearch.indices.get_mapping(index=ALIAS)[ALIAS]["mappings"]
    created = elasticsearch.indices.get_settings(index=ALIAS)[ALIAS]["settings"]["index"]["creation_date"]
    run(JOB, RUN_DATE, run_id="first")
    kept = kept_index(elasticsearch)
    found = elasticsearch.indices.get_mapping(index=kept)[kept]["mappings"]
    meta = found.pop("_meta")
    assert found == mapping
    built = index_alias.built_at(kept)
    assert built == datetime.fromtimestamp(int(created) / 1000, UTC)
    assert (meta["copy_of"], meta["run_id"], meta["documents"]) == (ALIAS, "first", len(PERSON_IDS))
    assert meta["run_date"] == built.date().isoformat()
    assert "definition" not in meta


def test_what_is_edited_during_the_first_promotion_or_after_its_rollback_is_in_the_new_index(
    plain: Application, run: RunJob, roll: Any, elasticsearch: Elasticsearch, random_numbers: random.Random
) -> None:
    with editing_all_the_time(plain, range(1, 80), random_numbers) as edited:
        run(JOB, RUN_DATE, settings=CATCH_UP_FULLY)
    assert edited
    assert index_contents(elasticsearch) == as_in_postgresql(plain)
    with editing_all_the_time(plain, range(1, 80), random_numbers):
        roll(settings=CATCH_UP_FULLY)
        run(JOB, RUN_DATE, settings=CATCH_UP_FULLY)
    assert index_contents(elasticsearch) == as_in_postgresql(plain)


def test_the_application_can_write_while_the_plain_index_is_copied(
    plain: Application, run: RunJob, roll: Any, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kept index has the state of the start of its copy, and a rollback says how many persons it lacks."""
    lines = plain_index._PlainIndexCopy._lines

    def edited_meanwhile(self: Any) -> Any:
        first, *others = list(lines(self))
        yield first
        plain.edit(3, "Edited")
        yield from others

    monkeypatch.setattr(plain_index._PlainIndexCopy, "_lines", edited_meanwhile)
    run(JOB, RUN_DATE)
    assert index_contents(elasticsearch) == as_in_postgresql(plain)
    kept = kept_index(elasticsearch)
    assert elasticsearch.count(index=kept, query={"term": {"surname": "Edited"}})["count"] == 0
    assert roll(dry_run=True).warning.endswith("Edited since: 1 person.")
    assert "edited since its build (1)" in roll(documents="edited").warning
    assert indices_behind_alias(elasticsearch) == [kept]
    assert index_contents(elasticsearch) == as_in_postgresql(plain)


@pytest.mark.usefixtures("plain")
def test_readers_see_the_plain_index_or_the_new_one_and_never_nothing(
    run: RunJob, elasticsearch: Elasticsearch
) -> None:
    ended = threading.Event()
    counts: set[int] = set()

    def read() -> None:
        while not ended.is_set():
            counts.add(elasticsearch.count(index=ALIAS)["count"])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        run(JOB, RUN_DATE)
    finally:
        ended.set()
        reader.join()
    assert counts == {len(PERSON_IDS)}


@pytest.mark.usefixtures("plain")
def test_the_next_builds_keep_the_documents_as_long_as_any_previous_index(
    run: RunJob, roll: Any, elasticsearch: Elasticsearch
) -> None:
    (first,) = run(JOB, RUN_DATE).indices["live"]
    kept = kept_index(elasticsearch)
    (second,) = run(JOB, RUN_DATE).indices["live"]
    assert sorted(all_indices(elasticsearch)) == [kept, first, second]
    assert roll().indices["live"] == [first]
    assert roll().indices["live"] == [kept]
    (third,) = run(JOB, RUN_DATE).indices["live"]  # over the kept index
    assert sorted(all_indices(elasticsearch)) == [first, second, third]


@pytest.mark.usefixtures("plain")
def test_without_retained_indices_nothing_is_copied(run: RunJob, elasticsearch: Elasticsearch) -> None:
    report = run(JOB, RUN_DATE, settings=IndexSettings(settle_seconds=0, retained_indices=0))
    assert all_indices(elasticsearch) == report.indices["live"]


@pytest.mark.usefixtures("plain")
def test_a_dry_run_copies_nothing(run: RunJob, elasticsearch: Elasticsearch) -> None:
    report = run(JOB, RUN_DATE, dry_run=True)
    assert (report.unchanged, report.changed, report.added, report.removed) == (len(PERSON_IDS), 0, 0, 0)
    assert all_indices(elasticsearch) == [ALIAS]


def test_a_first_build_that_is_refused_leaves_the_plain_index_alone(
    plain: Application, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    plain.add(range(1_000, 1_200))
    before = hits(elasticsearch, ALIAS)
    with pytest.raises(GuardRail, match="add 200"):
        run(JOB, RUN_DATE)
    assert all_indices(elasticsearch) == [ALIAS]
    assert hits(elasticsearch, ALIAS) == before


@pytest.mark.parametrize("moment", ["the copy", "the swap"])
def test_a_failure_before_the_swap_removes_the_copy(
    plain: Application, run: RunJob, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise IndexNotAsExpected("The test stops it here.")

    if moment == "the copy":
        monkeypatch.setattr(plain_index, "check_created", fail)
    else:
        monkeypatch.setattr(index_alias, "promote", fail)
    with pytest.raises(IndexNotAsExpected, match=r"The test stops it here\. The live index was not touched\."):
        run(JOB, RUN_DATE)
    assert all_indices(elasticsearch) == [ALIAS]
    monkeypatch.undo()
    run(JOB, RUN_DATE)
    assert index_contents(elasticsearch) == as_in_postgresql(plain)


@pytest.mark.usefixtures("plain")
def test_a_copy_that_lacks_documents_stops_the_build(run: RunJob, monkeypatch: pytest.MonkeyPatch) -> None:
    load_lines = bulk.load

    def loses_one(definition: Any, client: Any, index: str, lines: Any, settings: Any, **keywords: Any) -> int:
        if keywords:
            return load_lines(definition, client, index, lines, settings, **keywords)
        return load_lines(definition, client, index, list(lines)[1:], settings) + 1

    monkeypatch.setattr(bulk, "load", loses_one)
    with pytest.raises(IndexNotAsExpected, match=r"expected 60 documents, as copied from persons, found 59"):
        run(JOB, RUN_DATE)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.usefixtures("plain")
def test_a_build_that_is_killed_before_its_swap_can_be_repeated(
    run: RunJob, roll: Any, elasticsearch: Elasticsearch
) -> None:
    """Its complete copy stays as a previous index; the next build makes a copy of its own."""
    before = hits(elasticsearch, ALIAS)

    def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_alias, "promote", killed)
        patch.setattr(index_alias, "discard", lambda *_: None)
        with pytest.raises(Killed):
            run(JOB, RUN_DATE)
    (new,) = run(JOB, RUN_DATE).indices["live"]
    later, earlier = index_alias.find_indices(elasticsearch, ALIAS).previous
    assert earlier < later < new
    assert hits(elasticsearch, later) == hits(elasticsearch, earlier) == before
    assert roll().indices["live"] == [later]


def test_the_copy_has_the_settings_routing_and_odd_documents_of_the_plain_index(
    application: Application, run: RunJob, roll: Any, elasticsearch: Elasticsearch
) -> None:
    elasticsearch.indices.create(
        index=ALIAS,
        settings={
            "number_of_shards": 3,
            "max_result_window": 50_000,
            "analysis": {
                "analyzer": {name: {"type": "standard", "max_token_length": 3} for name in ("names", "default")}
            },
        },
        mappings={"properties": {**MAPPING, "knownAs": {"type": "text", "analyzer": "names"}}},
        aliases={"doctors": {}},
    )
    for number, routing in enumerate(("a", "b", None)):
        document = {"personId": number + 1, "knownAs": "ZoëËË", "unknown": {"field": [number, None]}}
        elasticsearch.index(index=ALIAS, id=f"old {number}", routing=routing, document=document)
    elasticsearch.index(index=ALIAS, document={"surname": "Without an id"})
    elasticsearch.indices.put_settings(index=ALIAS, settings={"index.blocks.write": True})
    before = hits(elasticsearch, ALIAS)
    run(JOB, RUN_DATE, limits=FIRST_RUN)
    kept = kept_index(elasticsearch)
    assert hits(elasticsearch, kept) == before
    settings = elasticsearch.indices.get_settings(index=kept)[kept]["settings"]["index"]
    assert (settings["number_of_shards"], settings["max_result_window"]) == ("3", "50000")
    assert "blocks" not in settings
    assert elasticsearch.count(index=kept, query={"match": {"knownAs": "ëë"}})["count"] == 3
    assert roll().indices["live"] == [kept]
    assert elasticsearch.count(index="doctors")["count"] == len(before)
    application.edit(3, "Written after the rollback")
    found = elasticsearch.search(index=ALIAS, query={"term": {"personId": 3}})["hits"]["hits"]
    assert [hit["_source"]["surname"] for hit in found] == ["Written after the rollback"]


def test_the_record_status_job_writes_no_document_into_the_kept_index(
    plain: Application, run: RunJob, roll: Any
) -> None:
    run(JOB, RUN_DATE)
    roll()
    plain.postgres.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_start_date, programme_end_date) "
        "VALUES (gen_random_uuid(), 7, '2025-01-01', '2026-03-09')"
    )
    report = run("PersonRecordStatusJob", RUN_DATE)
    assert (report.changed, report.refreshed) == (1, 0)
    assert "was built by another definition" in report.warning
