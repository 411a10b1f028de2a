"""No edit is lost: the application edits persons during builds, swaps and rollbacks."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.runner import run_rollback
from sync_jobs.search import bulk, index_alias
from sync_jobs.search.documents import canonical, content_key
from sync_jobs.search.edits import Edits
from sync_jobs.search.refresh import DocumentRefresh, Refreshed
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, PERSON_IDS, Application, editing_all_the_time
from tests.awkward_data import Connection
from tests.comparison import RunJob, indices_behind_alias
from tests.waiting import wait_for

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
# Catches up in rounds until nobody is left who was edited meanwhile.
CATCH_UP_FULLY = IndexSettings(catch_up_keys=0, sample_keys=20)
# A time that nothing else sleeps for; and the wait itself, which the fixtures replace.
SETTLING = IndexSettings(settle_seconds=7.25)
SETTLE = DocumentRefresh.settle

MEMBERSHIP = "00000000-0000-0000-0000-00000000000a"
WAITING_MEMBERSHIP = "00000000-0000-0000-0000-00000000000b"
# Of person 2: a placement whose specialty, and a membership whose programme, is not there yet.
CAREER = f"""
    INSERT INTO person (id) VALUES (1), (2), (3), (99);
    INSERT INTO contact_details (id, surname) VALUES (1, 'A'), (2, 'B'), (3, 'C');
    INSERT INTO gmc_details (id) VALUES (1);
    INSERT INTO gdc_details (id) VALUES (1);
    INSERT INTO person_owner (id) VALUES (1);
    INSERT INTO person_trust VALUES (1, 7, 'TRAINING');
    INSERT INTO specialty (id, name) VALUES (5, 'Cardiology');
    INSERT INTO placement (id, trainee_id) VALUES (11, 1);
    INSERT INTO placement_specialty VALUES (11, 5, 'PRIMARY');
    INSERT INTO placement (id, trainee_id) VALUES (14, 2);
    INSERT INTO placement_specialty VALUES (14, 8, 'PRIMARY');
    INSERT INTO programme (id, programme_name) VALUES (9, 'Core');
    INSERT INTO programme_membership (uuid, person_id, programme_id) VALUES ('{WAITING_MEMBERSHIP}', 2, 10);
    INSERT INTO programme_membership (uuid, person_id, programme_id) VALUES ('{MEMBERSHIP}', 1, 9);
    INSERT INTO curriculum_membership (id, programme_membership_uuid) VALUES (21, '{MEMBERSHIP}');
"""
# A person whom an open transaction edits during all edits below, so that it cannot hide an edit of another person.
BEING_EDITED = 99
EDITS = {
    "UPDATE person SET role = 'X' WHERE id = 1": {1},
    "DELETE FROM person WHERE id = 1": {1},
    "INSERT INTO person (id) VALUES (4)": {4},
    "INSERT INTO contact_details (id, surname) VALUES (4, 'D')": {4},
    "UPDATE contact_details SET surname = 'X' WHERE id = 2": {2},
    "DELETE FROM contact_details WHERE id = 2": {2},
    "INSERT INTO gmc_details (id) VALUES (3)": {3},
    "DELETE FROM gmc_details": {1},
    "INSERT INTO gdc_details (id) VALUES (3)": {3},
    "UPDATE gdc_details SET gdc_number = '7'": {1},
    "INSERT INTO person_owner (id) VALUES (3)": {3},
    "UPDATE person_owner SET owner = 'X'": {1},
    "DELETE FROM person_owner": {1},
    "INSERT INTO person_trust VALUES (2, 7, 'EMPLOYING')": {2},
    "DELETE FROM person_trust": {1},
    "UPDATE placement SET trainee_id = 2 WHERE id = 11": {1, 2},
    "DELETE FROM placement WHERE id = 11": {1},
    "INSERT INTO placement (id, trainee_id) VALUES (12, 3), (13, NULL)": {3},
    "DELETE FROM placement_specialty WHERE placement_id = 11": {1},
    "INSERT INTO placement_specialty VALUES (11, 6, 'PRIMARY')": {1},
    "INSERT INTO specialty (id, name) VALUES (8, 'Neurology')": {2},
    "UPDATE specialty SET name = 'X'": {1},
    "DELETE FROM specialty": {1},
    "INSERT INTO programme (id, programme_name) VALUES (10, 'Higher')": {2},
    "UPDATE programme SET programme_name = 'X'": {1},
    "DELETE FROM programme": {1},
    "INSERT INTO programme_membership (uuid, person_id) VALUES (gen_random_uuid(), 3)": {3},
    f"UPDATE programme_membership SET person_id = 3 WHERE uuid = '{MEMBERSHIP}'": {1, 3},
    f"DELETE FROM programme_membership WHERE uuid = '{MEMBERSHIP}'": {1},
    f"INSERT INTO curriculum_membership (id, programme_membership_uuid) VALUES (22, '{MEMBERSHIP}')": {1},
    "DELETE FROM curriculum_membership": {1},
    "SELECT 1": set(),
}


def index_contents(client: Elasticsearch) -> list[str]:
    client.indices.refresh(index=ALIAS)
    return sorted(content_key(hit["_source"], PERSONS.properties) for hit in scan(client, index=ALIAS))


def as_in_postgresql(application: Application) -> list[str]:
    return sorted(content_key(document, PERSONS.properties) for document in application.documents())


@pytest.mark.parametrize("statement", EDITS)
def test_an_edit_of_any_table_is_found_once_it_is_committed(
    tcs: Connection, tcs_dsn: str, job_connection: Connection, statement: str
) -> None:
    tcs.execute(CAREER)
    with psycopg.connect(tcs_dsn) as uncommitted:
        uncommitted.execute("UPDATE person SET role = 'Y' WHERE id = %s", (BEING_EDITED,))
        with snapshot(job_connection), Edits(PERSONS, job_connection) as edits:
            with edits.later_snapshot():
                edits.edited_keys()
            tcs.execute(statement)
            with edits.later_snapshot():
                found = set(edits.edited_keys())
            # A snapshot cannot tell a person who is being edited from one who has been, so this person may be included.
            assert found - {BEING_EDITED} == EDITS[statement]
            uncommitted.commit()
            with edits.later_snapshot():
                assert set(edits.edited_keys()) == EDITS[statement] | {BEING_EDITED}


@pytest.mark.parametrize(
    ("first", "second", "persons"),
    [
        ("INSERT INTO person (id) VALUES (4)", "DELETE FROM person WHERE id = 4", {4}),
        (
            "UPDATE placement SET trainee_id = 2 WHERE id = 11",
            "UPDATE placement SET trainee_id = 3 WHERE id = 11",
            {1, 2, 3},
        ),
    ],
)
def test_a_row_added_before_a_check_and_removed_after_it_is_an_edit_in_the_next_check(
    tcs: Connection, job_connection: Connection, first: str, second: str, persons: set[int]
) -> None:
    """Neither snapshot has the row, but the check between them has written a document of it."""
    tcs.execute(CAREER)
    with snapshot(job_connection), Edits(PERSONS, job_connection) as edits:
        tcs.execute(first)
        with edits.later_snapshot():
            edits.edited_keys()
        tcs.execute(second)
        with edits.later_snapshot():
            assert set(edits.edited_keys()) == persons


def test_a_row_that_was_only_locked_before_is_not_an_edit(tcs: Connection, job_connection: Connection) -> None:
    """Foreign keys lock the rows that they refer to, and the mark of such a lock stays for months."""
    tcs.execute(CAREER)
    with tcs.transaction():
        tcs.execute("SELECT FROM person FOR KEY SHARE")
        tcs.execute("SELECT FROM programme FOR UPDATE")
    with tcs.transaction(force_rollback=True):
        tcs.execute("UPDATE placement SET site_id = 7")
    with snapshot(job_connection), Edits(PERSONS, job_connection) as edits, edits.later_snapshot():
        assert list(edits.edited_keys()) == []


def test_a_row_that_is_edited_while_others_hold_locks_on_it_is_an_edit(
    tcs: Connection, tcs_dsn: str, job_connection: Connection
) -> None:
    """Its mark is then a multixact, whose number says nothing about its age."""
    tcs.execute(CAREER)
    with psycopg.connect(tcs_dsn) as holder, snapshot(job_connection), Edits(PERSONS, job_connection) as edits:
        holder.execute("SELECT FROM person WHERE id = 2 FOR KEY SHARE")
        tcs.execute("UPDATE person SET role = 'X' WHERE id = 2")
        holder.commit()
        with edits.later_snapshot():
            assert list(edits.edited_keys()) == [2]


@contextmanager
def an_old_transaction(tcs_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """One that has an id, because it has written something, and does not end."""
    with psycopg.connect(tcs_dsn) as old:
        old.execute("UPDATE person SET role = 'Y' WHERE id = %s", (BEING_EDITED,))
        yield old


@pytest.mark.parametrize("before", EDITS)
def test_what_was_committed_before_the_snapshot_is_no_edit_while_an_older_transaction_runs(
    tcs: Connection, tcs_dsn: str, job_connection: Connection, before: str
) -> None:
    tcs.execute(CAREER)
    with an_old_transaction(tcs_dsn) as old:
        with tcs.transaction():
            tcs.execute("SELECT FROM person WHERE id = 3 FOR KEY SHARE")
            tcs.execute(before)
            tcs.execute("INSERT INTO person (id) VALUES (5)")
        with snapshot(job_connection), Edits(PERSONS, job_connection) as edits:
            tcs.execute("UPDATE contact_details SET surname = 'Y' WHERE id = 1")
            with edits.later_snapshot():
                assert set(edits.edited_keys()) - {BEING_EDITED} == {1}
            old.commit()
            with edits.later_snapshot():
                assert set(edits.edited_keys()) == {1, BEING_EDITED}


def test_a_subtransaction_of_an_older_transaction_is_an_edit_once_that_is_committed(
    tcs: Connection, tcs_dsn: str, job_connection: Connection
) -> None:
    """A snapshot does not list subtransactions: by its list alone, they had ended."""
    tcs.execute(CAREER)
    with an_old_transaction(tcs_dsn) as old:
        for statement in EDITS:
            with old.transaction(force_rollback="DELETE" in statement):  # a savepoint
                old.execute(statement)
            tcs.execute("UPDATE post SET status = status")
        tcs.execute("INSERT INTO person (id) VALUES (5)")
        with snapshot(job_connection), Edits(PERSONS, job_connection) as edits:
            with edits.later_snapshot():
                edits.edited_keys()
            old.commit()
            with edits.later_snapshot():
                assert set(edits.edited_keys()) == {1, 2, 3, 4, BEING_EDITED}


def test_a_build_checks_only_who_was_edited_meanwhile_although_an_old_transaction_runs(
    application: Application,
    tcs_dsn: str,
    run: RunJob,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    make_searchable = index_alias.make_searchable

    def after_an_edit(*arguments: Any) -> None:
        application.postgres.execute("UPDATE contact_details SET surname = 'Edited' WHERE id = 7")
        make_searchable(*arguments)

    monkeypatch.setattr(index_alias, "make_searchable", after_an_edit)
    with an_old_transaction(tcs_dsn):
        application.postgres.execute("UPDATE contact_details SET surname = 'Before the build'")
        report = run(JOB, RUN_DATE)
    assert "1 persons edited meanwhile, 1 written" in caplog.text
    assert report.refreshed == 1
    assert index_contents(elasticsearch) == as_in_postgresql(application)


@pytest.mark.parametrize("moment", ["make_searchable", "find_live", "promote"])
@pytest.mark.parametrize("before", [True, False])
def test_an_edit_in_the_middle_of_a_build_is_in_the_new_index(
    application: Application,
    run: RunJob,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    before: bool,
) -> None:
    run(JOB, RUN_DATE)
    original: Callable[..., Any] = getattr(index_alias, moment)

    def with_an_edit(*arguments: Any) -> Any:
        if before:
            edit()
        result = original(*arguments)
        if not before:
            edit()
        return result

    def edit() -> None:
        monkeypatch.setattr(index_alias, moment, original)
        application.edit(7, "Edited")
        application.edit(1_000, "New")
        application.remove(9)

    monkeypatch.setattr(index_alias, moment, with_an_edit)
    run(JOB, RUN_DATE, settings=CATCH_UP_FULLY)
    assert index_contents(elasticsearch) == as_in_postgresql(application)


@pytest.mark.parametrize("round_number", range(6))
@pytest.mark.usefixtures("round_number")
def test_an_index_agrees_with_the_database_after_constant_edits(
    application: Application,
    run: RunJob,
    elasticsearch: Elasticsearch,
    random_numbers: random.Random,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(JOB, RUN_DATE)
    make_searchable = index_alias.make_searchable

    def after_some_edits(*arguments: Any) -> None:
        """On a busy machine, too, some begin and end between the snapshot and the swap."""
        enough = len(edited) + 2
        wait_for("edits during the build", lambda: len(edited) >= enough)
        make_searchable(*arguments)

    monkeypatch.setattr(index_alias, "make_searchable", after_some_edits)
    with editing_all_the_time(application, range(1, 80), random_numbers) as edited:
        report = run(JOB, RUN_DATE, settings=CATCH_UP_FULLY)
    assert report.refreshed > 0
    assert index_contents(elasticsearch) == as_in_postgresql(application)


@pytest.mark.parametrize(
    ("work", "edited"),
    [("build", "before it"), ("build", "make_searchable"), ("build", "swap"), ("rollback", "before it")],
)
def test_an_application_write_that_ends_after_the_swap_leaves_no_second_document(
    application: Application,
    job_connection: Connection,
    run: RunJob,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    *,
    work: str,
    edited: str,
) -> None:
    """It has looked for the old document in the previous index, and writes the new one to this index.

    It does so while the job waits for settle_seconds.
    """
    run(JOB, RUN_DATE)
    run(JOB, RUN_DATE)
    originals = {name: getattr(index_alias, name) for name in ("make_searchable", "swap")}
    in_flight: list[int] = []
    really_sleep = time.sleep

    def at(moment: str) -> None:
        if edited == moment:
            application.postgres.execute("UPDATE contact_details SET surname = 'Edited' WHERE id = 7")

    def make_searchable(*arguments: Any) -> None:
        at("make_searchable")
        originals["make_searchable"](*arguments)

    def swap(*arguments: Any) -> Any:
        at("swap")
        warnings = originals["swap"](*arguments)
        in_flight.append(7)
        return warnings

    def sleep(seconds: float) -> None:
        if seconds != SETTLING.settle_seconds:
            really_sleep(seconds)
        elif in_flight:
            elasticsearch.index(index=ALIAS, document=application.documents([in_flight.pop()])[0])

    at("before it")
    monkeypatch.setattr(index_alias, "make_searchable", make_searchable)
    monkeypatch.setattr(index_alias, "swap", swap)
    monkeypatch.setattr(DocumentRefresh, "settle", SETTLE)
    monkeypatch.setattr(time, "sleep", sleep)
    if work == "build":
        run(JOB, RUN_DATE, settings=SETTLING)
    else:
        run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, settings=SETTLING)
    assert in_flight == []
    assert index_contents(elasticsearch) == as_in_postgresql(application)


def test_documents_that_another_writer_adds_during_the_catch_up_are_noticed(
    application: Application, run: RunJob, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The totals were right before the catch-up, and so are the documents of the persons who were edited."""
    (live,) = run(JOB, RUN_DATE).indices["live"]
    original = DocumentRefresh.once

    def once(self: DocumentRefresh, *arguments: Any, **keywords: Any) -> Refreshed:
        elasticsearch.index(index=self.index, document=application.documents([7])[0], refresh=True)
        return original(self, *arguments, **keywords)

    monkeypatch.setattr(DocumentRefresh, "once", once)
    with pytest.raises(IndexNotAsExpected, match="expected 60 documents after catching up with edits, found 61"):
        run(JOB, RUN_DATE)
    assert indices_behind_alias(elasticsearch) == [live]


def test_a_correct_document_of_the_application_is_not_rewritten(application: Application, run: RunJob) -> None:
    run(JOB, RUN_DATE)
    application.edit(5, "Edited")
    report = run(JOB, RUN_DATE, dry_run=True)
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 0, len(PERSON_IDS))


def test_a_status_change_during_an_edit_leaves_the_index_as_the_database(
    application: Application,
    tcs: Connection,
    run: RunJob,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The application edits a person after the job has read PostgreSQL and before it writes to the index."""
    run(JOB, RUN_DATE)
    tcs.execute("INSERT INTO programme_membership VALUES (gen_random_uuid(), 7, 1, 'X', '2025-01-01', '2026-03-09')")
    original = bulk.load

    def after_an_edit(*arguments: Any, **keywords: Any) -> int:
        monkeypatch.setattr(bulk, "load", original)
        application.edit(7, "Edited", status="INACTIVE")
        return original(*arguments, **keywords)

    monkeypatch.setattr(bulk, "load", after_an_edit)
    run("PersonRecordStatusJob", RUN_DATE, settings=CATCH_UP_FULLY)
    elasticsearch.indices.refresh(index=ALIAS)
    (hit,) = elasticsearch.search(index=ALIAS, query={"term": {"personId": 7}})["hits"]["hits"]
    assert canonical(hit["_source"], PERSONS.properties)["surname"] == "Edited"


def test_documents_with_unusual_ids_belong_to_their_persons(
    application: Application, tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    """A list of ids, and an id as text: Elasticsearch indexes both as numbers."""
    run(JOB, RUN_DATE)
    for person_id in ([7, 8], "7", "7.0"):
        elasticsearch.index(index=ALIAS, document={"personId": person_id, "status": "CURRENT"})
    tcs.execute("INSERT INTO programme_membership VALUES (gen_random_uuid(), 7, 1, 'X', '2025-01-01', '2026-03-09')")
    assert run("PersonRecordStatusJob", RUN_DATE).changed == 1
    assert index_contents(elasticsearch) == as_in_postgresql(application)
