"""From the service that ran the jobs before, and back: readiness of the servers, parity, handing search back."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.helpers import scan

from local.postgres import ROOT
from sync_jobs import hand_back
from sync_jobs.catalogue import JOBS, find_job
from sync_jobs.errors import AlreadyRunning, IndexNotAsExpected, SyncJobError
from sync_jobs.hand_back import HandedBack, hand_back_index
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.parity import Parity, compare_all
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.readiness import read_readiness
from sync_jobs.runner import run_job, run_rollback
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, PERSON_IDS, Application, editing_all_the_time
from tests.awkward_data import Connection, load, make_data_set, read_tables, seed_id, seeds
from tests.comparison import SETTINGS, RunJob, all_indices, assert_same_tables, indices_behind_alias
from tests.integration.test_catch_up import as_in_postgresql, index_contents
from tests.integration.test_other_definition import WRONG_SQL, a_definition
from tests.running_service import RunningService

INDEX_JOB = "PersonElasticSearchSyncJob"
STATUS_JOB = "PersonRecordStatusJob"
RUN_DATE = date(2026, 3, 10)
YESTERDAY = date(2026, 3, 9)
SQL_FOLDER = ROOT / "include/sql/setup"


# Readiness


def test_a_database_that_was_set_up_is_ready(job_connection: Connection) -> None:
    readiness = read_readiness(job_connection)
    assert readiness.is_ready
    assert (readiness.lines(), readiness.statements()) == ([], [])


def test_the_columns_that_need_an_index_are_those_of_the_set_up(tcs: Connection, job_connection: Connection) -> None:
    text = (SQL_FOLDER / "indexes.sql").read_text(encoding="utf-8")
    created = re.findall(r"EXISTS (\w+)\s+ON (\w+) \((\w+)\)", text)
    for name, _, _ in created:
        tcs.execute(f"DROP INDEX {name}")
    readiness = read_readiness(job_connection)
    assert sorted(readiness.indexes) == sorted((table, column) for _, table, column in created)
    for statement in readiness.statements():
        tcs.execute(statement)
    assert read_readiness(job_connection).is_ready
    names = {name for (name,) in tcs.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}
    assert names >= {name for name, _, _ in created}


def test_an_index_of_the_application_by_another_name_is_enough(tcs: Connection, job_connection: Connection) -> None:
    tcs.execute("DROP INDEX placement_trainee_id; CREATE INDEX theirs ON placement (trainee_id, id)")
    assert read_readiness(job_connection).is_ready
    tcs.execute("DROP INDEX theirs; CREATE INDEX theirs ON placement (trainee_id) WHERE trainee_id > 5")
    assert read_readiness(job_connection).indexes == [("placement", "trainee_id")]


def test_an_index_that_an_interrupted_build_left_invalid_is_named_and_replaced(
    tcs: Connection, tcs_dsn: str, job_connection: Connection
) -> None:
    tcs.execute("DROP INDEX post_funding_post_id")
    with psycopg.connect(tcs_dsn) as writer:
        writer.execute("INSERT INTO post_funding (id) VALUES (1)")  # an open transaction, for which the build waits
        tcs.execute("SET statement_timeout = '500ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            tcs.execute("CREATE INDEX CONCURRENTLY post_funding_post_id ON post_funding (post_id)")
    readiness = read_readiness(job_connection)
    assert readiness.invalid == [("post_funding_post_id", "post_funding", None)]
    assert readiness.lines() == [
        "The index post_funding_post_id of post_funding is invalid: an interrupted CREATE INDEX CONCURRENTLY left it "
        "behind.",
        "post_funding has no valid index on post_id.",
    ]
    tcs.execute("CREATE INDEX IF NOT EXISTS post_funding_post_id ON post_funding (post_id)")  # finds it by its name
    assert not read_readiness(job_connection).is_ready
    for statement in readiness.statements():
        tcs.execute(statement)
    assert read_readiness(job_connection).is_ready


def test_an_index_that_is_being_built_is_left_alone(tcs: Connection, tcs_dsn: str, job_connection: Connection) -> None:
    tcs.execute("DROP INDEX post_funding_post_id")
    with psycopg.connect(tcs_dsn) as writer, psycopg.connect(tcs_dsn, autocommit=True) as builder:
        writer.execute("INSERT INTO post_funding (id) VALUES (1)")
        process = builder.info.backend_pid
        builder.pgconn.send_query(b"CREATE INDEX CONCURRENTLY post_funding_post_id ON post_funding (post_id)")
        for _ in range(600):
            readiness = read_readiness(job_connection)
            if readiness.invalid:
                break
        assert readiness.invalid == [("post_funding_post_id", "post_funding", process)]
        assert f"is being built by process {process}" in readiness.lines()[0]
        assert readiness.statements() == []
        writer.rollback()
        while builder.pgconn.get_result():
            pass
    assert read_readiness(job_connection).is_ready


def test_others_can_write_while_the_indexes_are_built(
    tcs: Connection, tcs_dsn: str, job_connection: Connection
) -> None:
    """CREATE INDEX CONCURRENTLY waits for an open transaction; writers do not wait for it."""
    tcs.execute("DROP INDEX post_funding_post_id")
    statements = read_readiness(job_connection).statements()
    with psycopg.connect(tcs_dsn) as writer, psycopg.connect(tcs_dsn, autocommit=True) as builder:
        writer.execute("INSERT INTO post_funding (id) VALUES (1)")
        builder.execute(statements[0])
        builder.pgconn.send_query(statements[-1].encode())
        tcs.execute("SET lock_timeout = '5s'")
        for number in range(2, 20):
            tcs.execute("INSERT INTO post_funding (id) VALUES (%s)", (number,))
        writer.commit()
        while builder.pgconn.get_result():
            pass
    assert read_readiness(job_connection).is_ready


def test_missing_permissions_and_tables_are_named_with_what_to_run(tcs: Connection, job_connection: Connection) -> None:
    tcs.execute("REVOKE UPDATE (status) ON person FROM sync_jobs; REVOKE SELECT ON specialty FROM sync_jobs")
    tcs.execute("REVOKE DELETE ON person_trust FROM sync_jobs; DROP TABLE post_trust")
    assert read_readiness(job_connection).lines() == [
        "The role lacks the permission UPDATE on person.status: run include/sql/setup/role.sql.",
        "The role lacks the permission DELETE on person_trust: run include/sql/setup/role.sql.",
        "The table post_trust does not exist: run include/sql/setup/job_tables.sql, or correct the search_path.",
        "The role lacks the permission SELECT on specialty: run include/sql/setup/role.sql.",
    ]
    for name in ("job_tables.sql", "role.sql"):
        tcs.execute((SQL_FOLDER / name).read_text(encoding="utf-8").encode())
    assert read_readiness(job_connection).is_ready


# Parity


@pytest.fixture
def compare(job_connection: Connection, elasticsearch: Elasticsearch) -> Callable[..., dict[str, Parity]]:
    """By the name of the job."""

    def compare(run_date: date = RUN_DATE, **arguments: Any) -> dict[str, Parity]:
        found = compare_all(
            postgres=job_connection, elasticsearch=elasticsearch, run_date=run_date, settings=SETTINGS, **arguments
        )
        return {each.job: each for each in found}

    return compare


def contents(client: Elasticsearch) -> dict[str, Any]:
    return {hit["_id"]: hit["_source"] for hit in scan(client, index=ALIAS)}


@pytest.mark.parametrize("seed", seeds(5), ids=seed_id)
def test_after_a_night_of_the_running_service_only_the_statuses_in_search_differ(
    tcs: Connection, elasticsearch: Elasticsearch, compare: Any, seed: int
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    old_status = {row["id"]: row["status"] for row in data.tables["person"]}
    RunningService(tcs, elasticsearch).run_night(data.run_date)
    tables, documents = read_tables(tcs), contents(elasticsearch)
    new_status = {row["id"]: row["status"] for row in tables["person"]}
    in_search = {document["personId"] for document in documents.values()}
    outdated = sorted(person for person in in_search if old_status[person] != new_status[person])

    found = compare(data.run_date, size=1_000)

    assert [each.error for each in found.values()] == [""] * len(JOBS)
    expected_different = {INDEX_JOB, STATUS_JOB} if outdated else set()
    assert {job for job, each in found.items() if not each.is_equal} == expected_different
    expected = {"persons with another status": [str(person) for person in outdated]} if outdated else {}
    assert found[INDEX_JOB].keys == expected
    assert all(not each.keys for job, each in found.items() if job != INDEX_JOB)
    assert found[STATUS_JOB].report.refreshed >= len(outdated)
    assert_same_tables(read_tables(tcs), tables)
    assert contents(elasticsearch) == documents
    assert all_indices(elasticsearch) == [ALIAS]


DIFFERENCES = """
    INSERT INTO programme (id, owner) VALUES (1, 'North');
    INSERT INTO programme_membership (uuid, person_id, programme_id, programme_start_date, programme_end_date)
    SELECT gen_random_uuid(), id, 1, '2026-01-01', '2026-12-31' FROM person;
    INSERT INTO post (id, employing_body_id, training_body_id) SELECT id, 100 + id, 200 FROM person;
    INSERT INTO placement (id, trainee_id, post_id) SELECT id, id, id FROM person;
    INSERT INTO post_funding (id, post_id, start_date, end_date) VALUES (1, 7, '2020-01-01', '2026-03-09');
"""


def test_differences_are_named_by_job_kind_and_id(
    application: Application, tcs: Connection, elasticsearch: Elasticsearch, compare: Any
) -> None:
    tcs.execute(DIFFERENCES)
    RunningService(tcs, elasticsearch).run_night(RUN_DATE)
    assert all(each.is_equal for each in compare().values())
    tcs.execute(
        "UPDATE person_owner SET owner = 'South' WHERE id IN (3, 20, 100); DELETE FROM person_owner WHERE id = 4"
    )
    tcs.execute("INSERT INTO person_owner (id) VALUES (9000)")
    tcs.execute("UPDATE person_trust SET trust_id = 999 WHERE person_id = 5 AND body = 'EMPLOYING'")
    tcs.execute("DELETE FROM post_trust WHERE body = 'TRAINING' AND post_id IN (6, 50)")
    tcs.execute("UPDATE post SET funding_status = 'CURRENT' WHERE id = 7")
    application.edit(8, "In both")
    for surname, person in (("Only in PostgreSQL", 9), ("Also only there", 10)):
        tcs.execute("UPDATE contact_details SET surname = %s WHERE id = %s", (surname, person))
    hit = elasticsearch.search(index=ALIAS, query={"term": {"personId": 11}})["hits"]["hits"][0]
    elasticsearch.delete(index=ALIAS, id=hit["_id"])
    elasticsearch.index(index=ALIAS, document=hit["_source"] | {"personId": 9001})
    elasticsearch.index(index=ALIAS, document=hit["_source"] | {"personId": 12}, refresh=True)

    found = compare(size=2)

    assert found[INDEX_JOB].keys == {
        "persons whose documents in persons should not be there": ["9001"],
        # Person 8 was written by the application of the test, which knows only names and the status.
        "persons with another currentOwner": ["3", "4"],
        "persons with another currentOwnerRule": ["4", "8"],
        "persons with another fullName": ["9", "10"],
        "persons with another number of documents": ["12"],
        "persons with another surname": ["9", "10"],
        "persons with another trusts": ["5", "8"],
        "persons without a document in persons": ["11"],
    }
    assert {job: each.keys for job, each in found.items() if job != INDEX_JOB and not each.is_equal} == {
        "PersonOwnerRebuildJob": {"added": ["4"], "changed": ["3", "20"], "removed": ["9000"]},
        "PersonPlacementEmployingBodyTrustJob": {"added": ["5 trust 105"], "removed": ["5 trust 999"]},
        "PostTrainingBodyTrustJob": {"added": ["6 trust 200", "50 trust 200"]},
        "PostFundingStatusSyncJob": {"changed": ["7"]},
    }
    text = "\n".join(line for each in found.values() for line in each.lines())
    assert "PersonOwnerRebuildJob: different. read 60, added 1, changed 2, removed 1, unchanged 57" in text
    assert "  changed, 2: 3, 20" not in text  # the report has the numbers
    assert "  persons with another currentOwner, 4: 3, 4, …" in text
    assert "Only in PostgreSQL" not in text
    assert "Adeyemi" not in text


def test_persons_whom_a_filter_of_the_alias_hides_are_no_difference(
    application: Application, elasticsearch: Elasticsearch, run: RunJob, compare: Any
) -> None:
    (live,) = run(INDEX_JOB, RUN_DATE).indices["live"]
    elasticsearch.indices.put_alias(index=live, name=ALIAS, filter={"range": {"personId": {"lt": 5}}})
    application.postgres.execute("UPDATE contact_details SET surname = 'Edited' WHERE id IN (3, 30)")
    application.add(range(1000, 1001))
    assert compare()[INDEX_JOB].keys == {
        "persons with another fullName": ["3", "30"],
        "persons with another surname": ["3", "30"],
        "persons without a document in persons": ["1000"],
    }


def test_missed_nights_of_the_running_service_show_with_a_first_date(
    application: Application, tcs: Connection, elasticsearch: Elasticsearch, compare: Any
) -> None:
    """It looks at one date only, so what ended on a night on which it was down is lost."""
    application.postgres.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_start_date, programme_end_date) "
        "VALUES (gen_random_uuid(), 5, '2020-01-01', '2026-03-07')"
    )
    tcs.execute("INSERT INTO post (id) VALUES (1)")
    tcs.execute("INSERT INTO post_funding VALUES (1, 1, 'X', '2020-01-01', '2026-03-07')")
    RunningService(tcs, elasticsearch).run_night(RUN_DATE)
    assert all(each.is_equal for each in compare().values())
    found = compare(first_date=date(2026, 3, 8))
    assert found["PostFundingStatusSyncJob"].keys == {"changed": ["1"]}
    assert found[STATUS_JOB].keys == {"changed": ["5"]}
    assert {job for job, each in found.items() if not each.is_equal} == {"PostFundingStatusSyncJob", STATUS_JOB}


@pytest.mark.usefixtures("application")
def test_a_job_that_fails_does_not_keep_the_others_from_being_compared(
    elasticsearch: Elasticsearch, compare: Any
) -> None:
    elasticsearch.index(index=ALIAS, document={"personId": "a text"}, refresh=True)
    found = compare()
    assert "expected personId of type long" in found[INDEX_JOB].error
    assert found[INDEX_JOB].lines() == [f"{INDEX_JOB}: {found[INDEX_JOB].error}"]
    assert not found[INDEX_JOB].is_equal
    assert len(found) == len(JOBS)
    assert found["PersonOwnerRebuildJob"].report.added == len(PERSON_IDS)


# Handing search back


@pytest.fixture
def hand(job_connection: Connection, elasticsearch: Elasticsearch) -> Callable[..., HandedBack]:
    def hand(settings: IndexSettings = SETTINGS, **changes: Any) -> HandedBack:
        definition = replace(PERSONS, **changes) if changes else PERSONS
        return hand_back_index(definition, postgres=job_connection, elasticsearch=elasticsearch, settings=settings)

    return hand


def is_plain(client: Elasticsearch) -> bool:
    return ALIAS in all_indices(client)


def test_the_running_service_can_go_on_with_the_index_that_is_handed_back(
    application: Application, run: RunJob, hand: Any, elasticsearch: Elasticsearch
) -> None:
    (live,) = run(INDEX_JOB, RUN_DATE).indices["live"]
    service = RunningService(application.postgres, elasticsearch)
    with pytest.raises(ApiError, match="matches an alias"):
        service.build_index(RUN_DATE)
    before = index_contents(elasticsearch)

    done = hand()

    assert (done.cloned, done.documents, done.refreshed) == (live, len(PERSON_IDS), 0)
    assert is_plain(elasticsearch)
    assert index_contents(elasticsearch) == before
    application.edit(3, "Written to the plain index")
    assert index_contents(elasticsearch) == as_in_postgresql(application)
    service.build_index(RUN_DATE)
    assert all_indices(elasticsearch) == [ALIAS, live]


def test_after_that_the_jobs_can_take_over_again(
    application: Application, run: RunJob, hand: Any, elasticsearch: Elasticsearch, job_connection: Connection
) -> None:
    (live,) = run(INDEX_JOB, RUN_DATE).indices["live"]
    hand()
    (new,) = run(INDEX_JOB, RUN_DATE).indices["live"]
    assert indices_behind_alias(elasticsearch) == [new]
    assert len(all_indices(elasticsearch)) == 3
    back = run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, settings=SETTINGS)
    assert back.indices["live"] != [live]
    assert index_contents(elasticsearch) == as_in_postgresql(application)


def test_what_is_edited_while_search_is_handed_back_is_not_lost(
    application: Application,
    run: RunJob,
    hand: Any,
    elasticsearch: Elasticsearch,
    random_numbers: random.Random,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The application may get an error from search while the index takes no writes; its commit stands."""
    run(INDEX_JOB, RUN_DATE)
    rewrite, refused = application.rewrite, []

    def try_to_rewrite(person: int) -> None:
        try:
            rewrite(person)
        except ApiError as error:
            refused.append(error)

    monkeypatch.setattr(application, "rewrite", try_to_rewrite)
    with editing_all_the_time(application, range(1, 80), random_numbers) as edited:
        done = hand()
    assert edited
    assert is_plain(elasticsearch)
    assert done.seconds < 30
    assert index_contents(elasticsearch) == as_in_postgresql(application)


def test_an_index_that_the_application_creates_in_between_is_replaced(
    application: Application, run: RunJob, hand: Any, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(INDEX_JOB, RUN_DATE)
    clone = hand_back._Exchange._clone

    def written_before(self: Any) -> None:
        application.postgres.execute("UPDATE contact_details SET surname = 'Edited' WHERE id = 3")
        elasticsearch.index(index=ALIAS, document={"personId": 3, "surname": "Edited"})
        clone(self)

    monkeypatch.setattr(hand_back._Exchange, "_clone", written_before)
    assert hand().refreshed == 1
    assert is_plain(elasticsearch)
    assert index_contents(elasticsearch) == as_in_postgresql(application)
    mapping = elasticsearch.indices.get_mapping(index=ALIAS)[ALIAS]["mappings"]
    assert mapping["properties"] == PERSONS.properties


@pytest.mark.parametrize("moment", ["before the clone", "after the clone"])
def test_if_the_plain_index_cannot_be_made_the_alias_is_put_back(
    application: Application,
    run: RunJob,
    hand: Any,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    (live,) = run(INDEX_JOB, RUN_DATE).indices["live"]
    clone = hand_back._Exchange._clone

    def fail(self: Any) -> None:
        if moment == "after the clone":
            clone(self)
        raise IndexNotAsExpected("The test stops it here.")

    monkeypatch.setattr(hand_back._Exchange, "_clone", fail)
    with pytest.raises(IndexNotAsExpected, match="The test stops it here"):
        hand()
    assert all_indices(elasticsearch) == [live] == indices_behind_alias(elasticsearch)
    application.edit(3, "Takes writes")
    assert index_contents(elasticsearch) == as_in_postgresql(application)


@pytest.mark.usefixtures("application")
def test_other_aliases_move_to_the_plain_index(run: RunJob, hand: Any, elasticsearch: Elasticsearch) -> None:
    (live,) = run(INDEX_JOB, RUN_DATE).indices["live"]
    current = {"match": {"status": "CURRENT"}}
    elasticsearch.indices.put_alias(index=live, name="doctors", filter=current)
    hand()
    assert elasticsearch.indices.get_alias(name="doctors").body == {
        ALIAS: {"aliases": {"doctors": {"filter": current}}}
    }
    assert elasticsearch.count(index="doctors")["count"] == len(PERSON_IDS)


def test_documents_of_another_definition_are_not_rewritten_by_the_running_one(
    application: Application, job_connection: Connection, elasticsearch: Elasticsearch, hand: Any, tmp_path: Any
) -> None:
    job = replace(find_job(INDEX_JOB), builds_index=a_definition(tmp_path / "wrong", WRONG_SQL))
    run_job(job, postgres=job_connection, elasticsearch=elasticsearch, run_date=RUN_DATE, settings=SETTINGS)
    before = index_contents(elasticsearch)
    assert before != as_in_postgresql(application)
    assert hand().refreshed == 0
    assert index_contents(elasticsearch) == before


@pytest.mark.parametrize("found", ["nothing", "a plain index persons"])
def test_without_an_alias_there_is_nothing_to_hand_back(hand: Any, elasticsearch: Elasticsearch, found: str) -> None:
    if found != "nothing":
        elasticsearch.indices.create(index=ALIAS)
    with pytest.raises(IndexNotAsExpected, match=f"Expected an alias persons, found {found}: nothing to hand back"):
        hand()


def test_search_is_not_handed_back_during_a_build(run: RunJob, hand: Any, job_dsn: str) -> None:
    run(INDEX_JOB, RUN_DATE)
    with (
        psycopg.connect(job_dsn, autocommit=True) as other,
        advisory_lock(other, PERSONS.lock_name),
        pytest.raises(AlreadyRunning),
    ):
        hand()


@pytest.mark.usefixtures("application")
def test_the_state_after_the_exchange_is_said(
    run: RunJob, hand: Any, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(INDEX_JOB, RUN_DATE)

    def lost(*_: Any) -> int:
        raise psycopg.OperationalError

    monkeypatch.setattr(hand_back, "cover_the_swap", lost)
    with pytest.raises(
        SyncJobError, match=r"persons is a plain index now\. It may lack edits made during the exchange"
    ):
        hand()
    assert is_plain(elasticsearch)
