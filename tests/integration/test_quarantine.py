"""Documents that Elasticsearch refuses for their content: search keeps the old ones, and all others are written."""

from datetime import date
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from sync_jobs.errors import RejectedDocument
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.runner import run_rollback
from sync_jobs.search import bulk, index_alias
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, PERSON_IDS, Application
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, RunJob, all_indices, indices_behind_alias

BUILD = "PersonElasticSearchSyncJob"
STATUS_JOB = "PersonRecordStatusJob"
RUN_DATE = date(2026, 3, 10)
TOO_LONG = "S" * 40_000
NO_QUARANTINE = IndexSettings(settle_seconds=0, quarantine_keys=0)


def documents_of(client: Elasticsearch, person: int) -> list[dict[str, Any]]:
    client.indices.refresh(index=ALIAS)
    hits = scan(client, index=ALIAS, query={"query": {"term": {"personId": person}}})
    return [dict(hit["_source"]) for hit in hits]


def surnames(client: Elasticsearch, person: int) -> list[str]:
    return [document["surname"] for document in documents_of(client, person)]


def statuses(client: Elasticsearch, person: int) -> list[str]:
    return [document["status"] for document in documents_of(client, person)]


def rename(tcs: Connection, person: int, surname: str) -> None:
    tcs.execute("UPDATE contact_details SET surname = %s WHERE id = %s", (surname, person))


def end_training(tcs: Connection, *persons: int) -> None:
    tcs.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_start_date, programme_end_date) "
        "SELECT gen_random_uuid(), unnest(%s::bigint[]), '2025-01-01', '2026-03-09'",
        (list(persons),),
    )


def add_placements(tcs: Connection, person: int) -> None:
    """Two current ones: two documents."""
    tcs.execute(
        "INSERT INTO placement (id, trainee_id, date_from, date_to, site_code) "
        "VALUES (1, %(person)s, '2026-01-01', '2026-12-31', 'A'), (2, %(person)s, '2026-01-01', '2026-12-31', 'B')",
        {"person": person},
    )


def left_out_in_meta(client: Elasticsearch) -> Any:
    (live,) = indices_behind_alias(client)
    return index_alias.own_indices(client, ALIAS)[live].get("left_out")


@pytest.mark.usefixtures("application")
def test_the_status_job_keeps_a_document_until_its_replacement_is_accepted(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    run(BUILD, RUN_DATE)
    end_training(tcs, 7, 8)
    rename(tcs, 7, TOO_LONG)
    for changed, refreshed in ((2, 1), (0, 0)):
        report = run(STATUS_JOB, RUN_DATE, date_override="ANY")
        assert (report.changed, report.refreshed, report.left_out) == (changed, refreshed, 1)
        assert (statuses(elasticsearch, 7), statuses(elasticsearch, 8)) == (["CURRENT"], ["INACTIVE"])
        assert [each["key"] for each in left_out_in_meta(elasticsearch)] == [7]
    rename(tcs, 7, "Short")
    report = run(STATUS_JOB, RUN_DATE, date_override="ANY")
    assert (report.refreshed, report.left_out, left_out_in_meta(elasticsearch)) == (1, 0, [])
    assert (statuses(elasticsearch, 7), surnames(elasticsearch, 7)) == (["INACTIVE"], ["Short"])


def test_a_document_of_the_application_is_kept_if_its_replacement_is_refused(
    application: Application, tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    run(BUILD, RUN_DATE)
    application.edit(7, "Edited")
    end_training(tcs, 7)
    rename(tcs, 7, TOO_LONG)
    assert run(STATUS_JOB, RUN_DATE).left_out == 1
    assert surnames(elasticsearch, 7) == ["Edited"]


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("change", [(b'"personId"', b'"otherId"'), None], ids=["without its key", "another index"])
def test_a_person_keeps_the_old_document_if_a_pipeline_takes_the_new_one_away(
    tcs: Connection,
    run: RunJob,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    change: tuple[bytes, bytes] | None,
) -> None:
    """Elasticsearch answers that it has created it. The servers of the tests have no ingest processors."""
    run(BUILD, RUN_DATE)
    end_training(tcs, 7)
    original = bulk.load

    def load(definition: Any, client: Any, index: str, lines: Any, settings: Any, **arguments: Any) -> int:
        if change:
            lines = [line.replace(*change) for line in lines]
        elif arguments.get("on_refused"):
            index = "elsewhere"
        return original(definition, client, index, lines, settings, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "load", load)
        run(STATUS_JOB, RUN_DATE)
    assert "documents of 1 persons still differ from PostgreSQL, such as 7." in caplog.text
    assert statuses(elasticsearch, 7) == ["CURRENT"]
    assert run(STATUS_JOB, RUN_DATE).refreshed == 1
    assert statuses(elasticsearch, 7) == ["INACTIVE"]


@pytest.mark.usefixtures("application")
def test_a_person_keeps_both_old_documents_if_one_new_one_is_refused(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    add_placements(tcs, 7)
    run(BUILD, RUN_DATE)
    end_training(tcs, 7)
    tcs.execute("UPDATE placement SET placement_type = %s WHERE id = 2", (TOO_LONG,))
    report = run(STATUS_JOB, RUN_DATE)
    assert [(each["key"], each["field"]) for each in report.left_out_records] == [(7, "placementType")]
    documents = documents_of(elasticsearch, 7)
    assert sorted((each["siteCode"], each["status"]) for each in documents) == [("A", "CURRENT"), ("B", "CURRENT")]
    report = run(BUILD, RUN_DATE)
    assert (report.left_out, report.unchanged, report.removed) == (1, len(PERSON_IDS) + 1, 0)
    documents = documents_of(elasticsearch, 7)
    assert sorted((each["siteCode"], each["status"]) for each in documents) == [("A", "CURRENT"), ("B", "CURRENT")]


@pytest.mark.usefixtures("application")
def test_the_status_job_stops_above_the_limit_after_replacing_all_other_documents(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    run(BUILD, RUN_DATE)
    end_training(tcs, 7, 8)
    rename(tcs, 7, TOO_LONG)
    with pytest.raises(RejectedDocument, match=r"field surname of person 7 .*Statuses are written"):
        run(STATUS_JOB, RUN_DATE, settings=NO_QUARANTINE)
    assert (statuses(elasticsearch, 7), statuses(elasticsearch, 8)) == (["CURRENT"], ["INACTIVE"])


@pytest.mark.usefixtures("application")
def test_a_build_keeps_old_documents_for_refused_ones_and_names_them_without_content(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    run(BUILD, RUN_DATE)
    rename(tcs, 7, TOO_LONG)
    rename(tcs, 8, "New name")
    tcs.execute("INSERT INTO person (id) VALUES (1000)")
    tcs.execute("INSERT INTO contact_details (id, forenames) VALUES (1000, %s)", (TOO_LONG,))
    for _ in range(2):
        report = run(BUILD, RUN_DATE)
        assert (report.left_out, report.read) == (2, len(PERSON_IDS))
        assert "left out 2" in report.summary()
        reason = "a value longer than 32,766 bytes"
        assert report.left_out_records == [
            {"key": 7, "field": "surname", "reason": reason, "old_document": True},
            {"key": 1000, "field": "forenames", "reason": reason, "old_document": False},
        ]
        assert left_out_in_meta(elasticsearch) == report.left_out_records
        assert surnames(elasticsearch, 7) == ["Adeyemi-Ng"]
        assert surnames(elasticsearch, 8) == ["New name"]
        assert documents_of(elasticsearch, 1000) == []
        (warning,) = [line for line in caplog.messages if "refused documents of 2 persons" in line]
        assert "person 7, field surname, search keeps the old document" in warning
        assert "person 1000, field forenames, not in search" in warning
        assert "SSS" not in caplog.text
        caplog.clear()
    rename(tcs, 7, "Short")
    assert run(BUILD, RUN_DATE).left_out == 1
    assert surnames(elasticsearch, 7) == ["Short"]


@pytest.mark.usefixtures("application")
def test_a_build_above_the_limit_stops_and_names_the_shared_field_of_up_to_20_persons(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    run(BUILD, RUN_DATE)
    live = all_indices(elasticsearch)
    tcs.execute("INSERT INTO programme (id, programme_name) VALUES (1, %s)", (TOO_LONG,))
    tcs.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_id) "
        "SELECT gen_random_uuid(), id, 1 FROM person WHERE id <= 30"
    )
    tcs.execute(
        "INSERT INTO curriculum_membership (id, programme_membership_uuid) "
        "SELECT person_id, uuid FROM programme_membership"
    )
    with pytest.raises(RejectedDocument) as caught:
        run(BUILD, RUN_DATE)
    named = ", ".join(map(str, range(1, 21)))
    assert f"field programmeMemberships.programmeName.keyword of persons {named} (" in str(caught.value)
    assert ") and more." in str(caught.value)
    assert "SSS" not in str(caught.value)
    assert all_indices(elasticsearch) == live


@pytest.mark.usefixtures("application")
def test_too_many_nested_objects_are_reported_with_their_field_and_the_limit(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    tcs.execute("INSERT INTO person_trust SELECT 7, trust, 'TRAINING' FROM generate_series(1, 10001) AS trust")
    report = run(BUILD, RUN_DATE)
    (record,) = report.left_out_records
    assert (record["key"], record["field"]) == (7, "trusts")
    assert "[10000]" in record["reason"]
    assert "index.mapping.nested_objects.limit" in record["reason"]
    assert documents_of(elasticsearch, 7) == []


def test_old_documents_of_an_index_with_another_mapping_are_not_carried_over(
    application: Application, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    elasticsearch.index(index=ALIAS, document=application.documents([7])[0], refresh=True)
    rename(application.postgres, 7, TOO_LONG)
    report = run(BUILD, RUN_DATE)
    assert [each["old_document"] for each in report.left_out_records] == [False]
    assert documents_of(elasticsearch, 7) == []


@pytest.mark.parametrize("moment", ["make_searchable", "promote"])
@pytest.mark.parametrize("surname", [TOO_LONG, "Corrected"])
def test_an_edit_during_a_build_can_start_or_end_a_quarantine(
    application: Application,
    run: RunJob,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    surname: str,
) -> None:
    run(BUILD, RUN_DATE)
    if surname != TOO_LONG:
        rename(application.postgres, 7, TOO_LONG)
    original = getattr(index_alias, moment)

    def with_an_edit(*arguments: Any) -> Any:
        rename(application.postgres, 7, surname)
        return original(*arguments)

    monkeypatch.setattr(index_alias, moment, with_an_edit)
    report = run(BUILD, RUN_DATE)
    refused = surname == TOO_LONG
    assert report.left_out == refused
    assert surnames(elasticsearch, 7) == ["Adeyemi-Ng" if refused else "Corrected"]


@pytest.mark.usefixtures("application")
def test_a_rollback_keeps_the_old_document_of_a_person_whose_new_one_is_refused(
    tcs: Connection, job_connection: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    run(BUILD, RUN_DATE)
    run(BUILD, RUN_DATE)
    rename(tcs, 7, TOO_LONG)
    rename(tcs, 8, "New name")
    report = run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, settings=SETTINGS)
    assert (report.changed, report.left_out) == (1, 1)
    assert surnames(elasticsearch, 7) == ["Adeyemi-Ng"]
    assert surnames(elasticsearch, 8) == ["New name"]
    assert left_out_in_meta(elasticsearch) == report.left_out_records


def test_the_named_field_is_from_the_mapping_and_never_from_the_content(elasticsearch: Elasticsearch) -> None:
    index_alias.create(elasticsearch, "persons-x", PERSONS.mapping, {}, IndexSettings())
    refusals: list[Any] = []
    lines = [
        b'{"index":{"_id":"1-a"}}\n{"personId":1,"gradeId":"field [secret]"}\n',
        b'{"index":{"_id":"2-a"}}\n{"personId":2,"trusts":"secret"}\n',
        b'{"index":{"_id":"3-a"}}\n{"personId":3}\n',
    ]
    bulk.load(PERSONS, elasticsearch, "persons-x", lines, IndexSettings(), on_refused=refusals.extend)
    assert [(each.key, each.field) for each in refusals] == [(1, "gradeId"), (2, "trusts")]
    assert not any("secret" in each.reason for each in refusals)
