"""Builds of the index behind the alias persons: each is promoted in one request, or leaves nothing behind."""

import itertools
from datetime import UTC, date, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.code_version import code_version
from sync_jobs.errors import GuardRail, IndexNotAsExpected, RejectedDocument, SearchBlocked
from sync_jobs.guard_rail import Limits
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.runner import run_rollback
from sync_jobs.search import bulk, index_alias
from sync_jobs.search.settings import IndexSettings
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, RunJob, all_indices, indices_behind_alias

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
LONGEST_KEYWORD_BYTES = 32_766


def add_persons(tcs: Connection, ids: range, surname: str = "Okonkwo-O'Brien") -> None:
    tcs.execute("INSERT INTO person (id, status) SELECT unnest(%s::bigint[]), 'CURRENT'", (list(ids),))
    tcs.execute("INSERT INTO contact_details (id, surname) SELECT unnest(%s::bigint[]), %s", (list(ids), surname))


def count(client: Elasticsearch) -> int:
    client.indices.refresh(index=PERSONS.alias)
    total: int = client.count(index=PERSONS.alias)["count"]
    return total


def make_index(client: Elasticsearch, name: str, meta: dict[str, Any] | None = None) -> None:
    meta = {"alias": PERSONS.alias} if meta is None else meta
    index_alias.create(client, name, PERSONS.mapping, meta, IndexSettings())


def test_an_empty_database_gives_an_empty_index_behind_the_alias(run: RunJob, elasticsearch: Elasticsearch) -> None:
    report = run(JOB, RUN_DATE)
    assert report.read == 0
    assert count(elasticsearch) == 0
    assert report.indices["live"] == indices_behind_alias(elasticsearch)


def test_the_index_says_by_which_run_and_for_which_date_it_was_built(run: RunJob, elasticsearch: Elasticsearch) -> None:
    (name,) = run(JOB, RUN_DATE, run_id="scheduled__2026-03-10").indices["live"]
    meta = index_alias.own_indices(elasticsearch, PERSONS.alias)[name]
    assert meta["run_id"] == "scheduled__2026-03-10"
    assert meta["run_date"] == "2026-03-10"
    assert (meta["definition"], meta["code"]) == (PERSONS.version, code_version())


def test_the_two_builds_before_the_live_one_are_kept_and_older_ones_removed(
    run: RunJob, elasticsearch: Elasticsearch
) -> None:
    built = [run(JOB, RUN_DATE).indices["live"][0] for _ in range(4)]
    assert sorted(all_indices(elasticsearch)) == sorted(built[1:])
    assert indices_behind_alias(elasticsearch) == built[3:]


def test_the_next_build_removes_the_unfinished_index_of_a_killed_build(
    run: RunJob, elasticsearch: Elasticsearch
) -> None:
    orphan = "persons-20260101t000000-000000"
    make_index(elasticsearch, orphan)
    report = run(JOB, RUN_DATE)
    assert orphan in report.indices["removed"]
    assert all_indices(elasticsearch) == report.indices["live"]


FOREIGN_INDICES: dict[str, dict[str, Any]] = {
    "persons-archive": {"alias": "persons"},
    "persons-20260101": {"alias": "persons"},
    "persons-20261301t000000-000000": {"alias": "persons"},
    "persons2-20260101t000000-000000": {"alias": "persons2"},
    "persons-backup-20260101t012900-000000": {"alias": "persons"},
    "persons-20260101t000000-000000": {},
    "persons-20260102t000000-000000": {"alias": "persons-backup", "finished": True},
}


def test_an_index_belongs_to_the_alias_only_with_the_exact_name_and_the_alias_in_its_meta(
    run: RunJob, elasticsearch: Elasticsearch
) -> None:
    for name, meta in FOREIGN_INDICES.items():
        make_index(elasticsearch, name, meta)
    for _ in range(4):
        report = run(JOB, RUN_DATE)
        assert not FOREIGN_INDICES.keys() & {name for names in report.indices.values() for name in names}
    own = index_alias.own_indices(elasticsearch, PERSONS.alias)
    assert len(own) == 1 + IndexSettings().retained_indices
    assert set(all_indices(elasticsearch)) == own.keys() | FOREIGN_INDICES.keys()


def test_a_plain_index_with_the_name_of_the_alias_is_replaced(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    elasticsearch.index(index=PERSONS.alias, document={"personId": 1, "surname": "Old"}, refresh=True)
    add_persons(tcs, range(1, 4))
    report = run(JOB, RUN_DATE)
    assert indices_behind_alias(elasticsearch) == report.indices["live"]
    assert count(elasticsearch) == 3


def test_a_plain_index_without_a_mapping_is_replaced_too(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    """Its lists are not nested, so their objects cannot be counted. Its documents are counted."""
    elasticsearch.index(
        index=PERSONS.alias,
        document={"personId": 1, "currentOwner": "X", "trusts": [{"trustId": 7}], "programmeMemberships": [{"id": 1}]},
        refresh=True,
    )
    add_persons(tcs, range(1, 4))
    report = run(JOB, RUN_DATE)
    assert (report.added, report.changed, report.removed) == (2, 1, 0)
    assert indices_behind_alias(elasticsearch) == report.indices["live"]


@pytest.mark.parametrize("person_id", ["17", 17.5])
def test_a_plain_index_without_numeric_ids_is_named_with_what_to_do_and_the_advice_works(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, person_id: object
) -> None:
    add_persons(tcs, range(1, 4))
    elasticsearch.index(index=PERSONS.alias, document={"personId": person_id}, refresh=True)
    with pytest.raises(IndexNotAsExpected, match=r"expected personId of type long, .*\(DELETE /persons\)"):
        run(JOB, RUN_DATE)
    assert all_indices(elasticsearch) == [PERSONS.alias]
    elasticsearch.indices.delete(index=PERSONS.alias)
    assert run(JOB, RUN_DATE).added == 3


@pytest.mark.parametrize("document", [{}, {"surname": "Nobody"}, {"personId": None}])
def test_a_plain_index_without_documents_is_replaced_too(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, document: dict[str, Any]
) -> None:
    add_persons(tcs, range(1, 4))
    elasticsearch.index(index=PERSONS.alias, document=document, refresh=True)
    report = run(JOB, RUN_DATE)
    assert (report.added, report.removed) == (3, 1)


def test_an_index_built_later_is_not_replaced_by_one_built_earlier(run: RunJob, elasticsearch: Elasticsearch) -> None:
    later = "persons-99991231t235959-000000"
    make_index(elasticsearch, later)
    elasticsearch.indices.put_alias(index=later, name=PERSONS.alias)
    with pytest.raises(IndexNotAsExpected, match="built later"):
        run(JOB, RUN_DATE)
    assert all_indices(elasticsearch) == [later]


def test_an_index_that_was_removed_before_its_swap_is_named(
    run: RunJob, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    (live,) = run(JOB, RUN_DATE).indices["live"]
    promote = index_alias.promote

    def promote_what_is_gone(client: Elasticsearch, alias: str, name: str) -> None:
        client.indices.delete(index=name)
        promote(client, alias, name)

    monkeypatch.setattr(index_alias, "promote", promote_what_is_gone)
    with pytest.raises(IndexNotAsExpected, match=r"was removed, by .*\. The live index was not touched\."):
        run(JOB, RUN_DATE)
    assert indices_behind_alias(elasticsearch) == [live]


@pytest.mark.parametrize("body", [1, 2])
@pytest.mark.parametrize("auto_create", [True, False])
def test_an_index_that_was_removed_during_the_load_and_recreated_is_not_promoted(
    tcs: Connection,
    run: RunJob,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    body: int,
    auto_create: bool,
) -> None:
    """Without trusts and memberships it would pass all counts, with a mapping of Elasticsearch's guess."""
    add_persons(tcs, range(1, 201))
    (live,) = run(JOB, RUN_DATE).indices["live"]
    send, bodies = bulk.Sender.send, itertools.count(1)

    def send_to_what_is_gone(self: Any, lines: bytes) -> None:
        if next(bodies) == body:
            elasticsearch.indices.delete(index=self.index)
        send(self, lines)

    monkeypatch.setattr(bulk.Sender, "send", send_to_what_is_gone)
    elasticsearch.cluster.put_settings(persistent={"action.auto_create_index": auto_create})
    try:
        with pytest.raises(IndexNotAsExpected, match=r"persons-\S+ was removed, by another build or manually"):
            run(JOB, RUN_DATE, settings=IndexSettings(settle_seconds=0, senders=1, body_bytes=10_000))
    finally:
        elasticsearch.cluster.put_settings(persistent={"action.auto_create_index": None})
    assert all_indices(elasticsearch) == indices_behind_alias(elasticsearch) == [live]


def test_an_index_that_elasticsearch_recreated_never_gets_the_meta_of_a_build(elasticsearch: Elasticsearch) -> None:
    name = index_alias.new_index_name(PERSONS.alias, datetime.now(UTC))
    elasticsearch.index(index=name, document={"personId": 1})
    with pytest.raises(IndexNotAsExpected, match=f"{name} was removed, by another build or manually"):
        index_alias.add_meta(elasticsearch, PERSONS.alias, name, {"documents": 1})
    assert index_alias.own_indices(elasticsearch, PERSONS.alias) == {}


def test_an_index_that_is_removed_just_after_its_swap_fails_the_build(
    run: RunJob, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(*_: Any) -> list[str]:
        elasticsearch.indices.delete(index=indices_behind_alias(elasticsearch))
        return []

    monkeypatch.setattr(index_alias, "prune", remove)
    with pytest.raises(IndexNotAsExpected, match=r"Expected persons-\S+ behind alias .* found nothing") as caught:
        run(JOB, RUN_DATE)
    assert "is live" not in str(caught.value)


@pytest.mark.parametrize("job", [JOB, "PersonRecordStatusJob"])
def test_a_closed_live_index_is_named_with_what_to_do_and_the_advice_works(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, job: str
) -> None:
    add_persons(tcs, range(1, 4))
    tcs.execute("INSERT INTO programme_membership VALUES (gen_random_uuid(), 1, 1, 'X', '2026-03-10', '2027-03-09')")
    (live,) = run(JOB, RUN_DATE).indices["live"]
    elasticsearch.indices.close(index=live)
    with pytest.raises(IndexNotAsExpected, match=rf"{live} is closed\. Open it \(POST /{live}/_open\)"):
        run(job, RUN_DATE)
    elasticsearch.perform_request("POST", f"/{live}/_open")
    run(job, RUN_DATE)


def test_previous_indices_that_are_closed_are_counted_as_such_and_named_by_a_rollback(
    job_connection: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    first, second, third = [run(JOB, RUN_DATE).indices["live"][0] for _ in range(3)]
    elasticsearch.indices.close(index=[first, second])
    with pytest.raises(IndexNotAsExpected, match=f"{second} is closed"):
        run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, settings=SETTINGS)
    assert run(JOB, RUN_DATE).indices["removed"] == [first]
    found = elasticsearch.indices.get(index="*", expand_wildcards="all")
    assert sorted(found)[:2] == [second, third]


def test_two_indices_behind_the_alias_are_refused_by_name_until_the_alias_is_removed_as_the_message_says(
    run: RunJob, elasticsearch: Elasticsearch
) -> None:
    for name in ("persons-a", "persons-b"):
        elasticsearch.indices.create(index=name, aliases={PERSONS.alias: {}})
    with pytest.raises(IndexNotAsExpected, match="found persons-a, persons-b") as caught:
        run(JOB, RUN_DATE)
    assert f"DELETE /<index>/_alias/{PERSONS.alias}" in str(caught.value)
    elasticsearch.perform_request(
        "DELETE", f"/persons-b/_alias/{PERSONS.alias}", headers={"accept": "application/json"}
    )
    assert run(JOB, RUN_DATE).indices["live"] == indices_behind_alias(elasticsearch)


def test_only_the_errors_flag_of_an_accepted_body_is_read(elasticsearch: Elasticsearch) -> None:
    line = b'{"index":{"_id":"1-a"}}\n{"personId":1}\n'
    assert bulk.load(PERSONS, elasticsearch, "persons-x", [line], IndexSettings()) == 1
    # The client takes ready lines, too, though its types do not say so.
    answer = elasticsearch.bulk(index="persons-x", operations=line, filter_path=bulk.ANSWER)  # type: ignore[arg-type]
    assert answer.body == {"errors": False}


def test_without_quarantine_a_refused_document_stops_the_build_and_is_named_without_content(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    add_persons(tcs, range(1, 3))
    live = run(JOB, RUN_DATE).indices["live"]
    add_persons(tcs, range(77, 78), surname="S" * (LONGEST_KEYWORD_BYTES + 1))

    with pytest.raises(RejectedDocument) as caught:
        run(JOB, RUN_DATE, settings=IndexSettings(quarantine_keys=0))

    assert "person 77" in str(caught.value)
    assert "surname" in str(caught.value)
    assert "SSS" not in str(caught.value)
    assert "83, 83" not in str(caught.value)  # as bytes: Elasticsearch's own reason quotes them
    assert all_indices(elasticsearch) == live
    assert count(elasticsearch) == 2


def test_a_build_that_is_stopped_during_a_large_load_ends_at_once(
    tcs: Connection, job_connection: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    """PostgreSQL has far more to send than is in flight when the first body is refused."""
    add_persons(tcs, range(1, 2), surname="S" * (LONGEST_KEYWORD_BYTES + 1))
    add_persons(tcs, range(2, 5_002))
    tcs.execute("UPDATE person SET intrepid_id = repeat('x', 2000) WHERE id > 1")
    job_connection.execute("SET statement_timeout = '20s'")
    with pytest.raises(RejectedDocument, match="person 1"):
        run(JOB, RUN_DATE, settings=IndexSettings(body_bytes=100_000, quarantine_keys=0))
    assert all_indices(elasticsearch) == []


def test_an_empty_source_does_not_empty_the_search(tcs: Connection, run: RunJob, elasticsearch: Elasticsearch) -> None:
    add_persons(tcs, range(1, 202))
    live = run(JOB, RUN_DATE).indices["live"]
    tcs.execute("DELETE FROM contact_details WHERE id > 100")

    with pytest.raises(GuardRail, match="would remove 101 of 201"):
        run(JOB, RUN_DATE)

    assert all_indices(elasticsearch) == live
    assert count(elasticsearch) == 201
    assert run(JOB, RUN_DATE, limits=Limits(maximum_removed_percent=60)).removed == 101


def test_a_dry_run_reports_the_difference_and_leaves_nothing(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    add_persons(tcs, range(1, 6))
    live = run(JOB, RUN_DATE).indices["live"]
    add_persons(tcs, range(6, 8))
    tcs.execute("UPDATE contact_details SET surname = 'Changed' WHERE id = 1")
    tcs.execute("DELETE FROM contact_details WHERE id = 2")

    report = run(JOB, RUN_DATE, dry_run=True)

    assert (report.added, report.changed, report.removed, report.unchanged) == (2, 1, 1, 3)
    assert all_indices(elasticsearch) == live
    assert count(elasticsearch) == 5


def test_a_cluster_that_takes_no_writes_stops_the_refresh_at_once(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    add_persons(tcs, range(1, 3))
    (live,) = run(JOB, RUN_DATE).indices["live"]
    tcs.execute("INSERT INTO programme_membership VALUES (gen_random_uuid(), 1, 1, 'X', '2025-01-01', '2026-03-09')")
    elasticsearch.indices.put_settings(index=live, settings={"index.blocks.read_only_allow_delete": True})
    with pytest.raises(SearchBlocked, match=r"remove the block or .*\. Statuses are written") as caught:
        run("PersonRecordStatusJob", RUN_DATE)
    assert "live index" not in str(caught.value)
    elasticsearch.indices.put_settings(index=live, settings={"index.blocks.read_only_allow_delete": None})
    report = run("PersonRecordStatusJob", RUN_DATE)
    assert (report.changed, report.refreshed) == (0, 1)  # the status was written before; its document is now
