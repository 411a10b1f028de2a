"""What a job reports as written is in the table: nothing in PostgreSQL may discard or alter it unnoticed."""

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from sync_jobs.errors import NotWritten
from sync_jobs.postgres import difference
from sync_jobs.postgres.statements import execute
from tests.awkward_data import Connection, read_tables
from tests.comparison import RunJob, assert_same_tables

RUN_DATE = date(2026, 3, 10)
YESTERDAY = RUN_DATE - timedelta(days=1)

# Bodies of triggers.
DISCARD = "RETURN NULL"
KEEP_OWNER = "NEW.owner := CASE TG_OP WHEN 'UPDATE' THEN OLD.owner END; RETURN NEW"
KEEP_RULE = "NEW.rule := CASE TG_OP WHEN 'UPDATE' THEN OLD.rule END; RETURN NEW"
OTHER_TRUST = "NEW.trust_id := NEW.trust_id + 1000; RETURN NEW"
OTHER_BODY = "NEW.body := CASE NEW.body WHEN 'EMPLOYING' THEN 'TRAINING' ELSE 'EMPLOYING' END; RETURN NEW"
KEEP_STATUS = "NEW.status := OLD.status; RETURN NEW"
NO_STATUS = "NEW.status := NULL; RETURN NEW"
KEEP_FUNDING_STATUS = "NEW.funding_status := OLD.funding_status; RETURN NEW"
RESTORE_LATER = (
    "IF NEW.status <> 'CURRENT' THEN UPDATE person SET status = 'CURRENT' WHERE id = NEW.id; END IF; RETURN NULL"
)

OWNER, STATUS, FUNDING = "PersonOwnerRebuildJob", "PersonRecordStatusJob", "PostFundingStatusSyncJob"
PERSON_TRUSTS = ("PersonPlacementEmployingBodyTrustJob", "PersonPlacementTrainingBodyTrustJob")
POST_TRUSTS = ("PostEmployingBodyTrustJob", "PostTrainingBodyTrustJob")


@pytest.fixture
def source(tcs: Connection) -> Connection:
    """Three persons and posts, for which every job has something to add, to change and to remove."""
    tcs.execute("INSERT INTO person (id, status) SELECT generate_series(1, 3), 'CURRENT'")
    tcs.execute("INSERT INTO programme (id, owner) VALUES (1, 'new')")
    tcs.execute(
        "INSERT INTO post (id, owner, funding_status, employing_body_id, training_body_id)"
        " SELECT id, 'by placement', 'CURRENT', id, id FROM person"
    )
    tcs.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_id, programme_start_date, programme_end_date)"
        " SELECT gen_random_uuid(), id, 1, %s, %s FROM person",
        (YESTERDAY, YESTERDAY),
    )
    tcs.execute("INSERT INTO placement (id, trainee_id, post_id) SELECT id, id, id FROM person")
    tcs.execute(
        "INSERT INTO post_funding (id, post_id, start_date, end_date) SELECT id, id, %s, %s FROM post",
        (YESTERDAY, YESTERDAY),
    )
    tcs.execute("INSERT INTO person_owner (id, owner, rule) VALUES (1, 'old', 'P1'), (9, 'gone', 'P1')")
    for body in ("EMPLOYING", "TRAINING"):
        tcs.execute("INSERT INTO person_trust (person_id, trust_id, body) VALUES (1, 1, %s), (9, 9, %s)", (body, body))
        tcs.execute("INSERT INTO post_trust (post_id, trust_id, body) VALUES (1, 1, %s), (9, 9, %s)", (body, body))
    return tcs


def add_trigger(tcs: Connection, table: str, event: str, body: str, *, deferred: bool = False) -> None:
    tcs.execute(f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$")
    kind = "CONSTRAINT TRIGGER" if deferred else "TRIGGER"
    when = f"AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED" if deferred else f"BEFORE {event} ON {table}"
    tcs.execute(f"CREATE {kind} act {when} FOR EACH ROW EXECUTE FUNCTION act()")


@pytest.mark.parametrize(
    ("job", "table", "event", "body", "made", "kept"),
    [
        (OWNER, "person_owner", "INSERT OR UPDATE OR DELETE", DISCARD, 4, 0),
        (OWNER, "person_owner", "DELETE", DISCARD, 4, 3),
        (OWNER, "person_owner", "INSERT", DISCARD, 4, 1),
        (OWNER, "person_owner", "UPDATE", DISCARD, 4, 3),
        (OWNER, "person_owner", "UPDATE", KEEP_OWNER, 4, 3),
        (OWNER, "person_owner", "INSERT OR UPDATE", KEEP_RULE, 4, 1),
        *((job, "person_trust", "INSERT OR DELETE", DISCARD, 3, 0) for job in PERSON_TRUSTS),
        *((job, "person_trust", "DELETE", DISCARD, 3, 2) for job in PERSON_TRUSTS),
        *((job, "person_trust", "INSERT", OTHER_TRUST, 3, 1) for job in PERSON_TRUSTS),
        *((job, "person_trust", "INSERT", OTHER_BODY, 3, 1) for job in PERSON_TRUSTS),
        *((job, "post_trust", "INSERT OR DELETE", DISCARD, 3, 0) for job in POST_TRUSTS),
        *((job, "post_trust", "DELETE", DISCARD, 3, 2) for job in POST_TRUSTS),
        *((job, "post_trust", "INSERT", OTHER_TRUST, 3, 1) for job in POST_TRUSTS),
        (STATUS, "person", "UPDATE", DISCARD, 3, 0),
        (STATUS, "person", "UPDATE", KEEP_STATUS, 3, 0),
        (STATUS, "person", "UPDATE", NO_STATUS, 3, 0),
        (FUNDING, "post", "UPDATE", DISCARD, 3, 0),
        (FUNDING, "post", "UPDATE", KEEP_FUNDING_STATUS, 3, 0),
    ],
)
def test_a_trigger_that_discards_or_alters_what_a_job_writes_stops_it_and_nothing_is_written(
    source: Connection, run: RunJob, job: str, table: str, event: str, body: str, made: int, kept: int
) -> None:
    before = read_tables(source)
    add_trigger(source, table, event, body)
    expected = (
        rf"^{table}.*: this run made {made} changes, but the table has only {kept} of them\. A trigger or a rule .*"
        r"Nothing was written\.$"
    )
    with pytest.raises(NotWritten, match=expected):
        run(job, RUN_DATE)
    assert_same_tables(read_tables(source), before)

    source.execute(f"DROP TRIGGER act ON {table}")
    report = run(job, RUN_DATE)
    assert report.added + report.changed + report.removed == made
    report = run(job, RUN_DATE)
    assert report.added + report.changed + report.removed == 0


def test_a_deferred_trigger_that_restores_the_old_value_at_the_commit_is_noticed(
    source: Connection, run: RunJob
) -> None:
    add_trigger(source, "person", "UPDATE", RESTORE_LATER, deferred=True)
    with pytest.raises(NotWritten, match=r"^person\.status: this run made 3 changes, but the table has only 0 of them"):
        run(STATUS, RUN_DATE)


def test_a_rule_that_discards_removals_is_noticed(source: Connection, run: RunJob) -> None:
    source.execute("CREATE RULE keep AS ON DELETE TO person_trust DO INSTEAD NOTHING")
    with pytest.raises(NotWritten, match=r"^person_trust \(EMPLOYING\): .* only 2 of them"):
        run(PERSON_TRUSTS[0], RUN_DATE)


def add_career(tcs: Connection, number: int) -> None:
    """A person with a placement in a post of both bodies, all with this number."""
    tcs.execute("INSERT INTO person (id) VALUES (%s)", (number,))
    tcs.execute(
        "INSERT INTO post (id, employing_body_id, training_body_id) VALUES (%(n)s, %(n)s, %(n)s)", {"n": number}
    )
    tcs.execute("INSERT INTO placement (id, trainee_id, post_id) VALUES (%(n)s, %(n)s, %(n)s)", {"n": number})


@pytest.mark.parametrize(
    ("job", "table", "others"),
    [
        (OWNER, "person_owner", "DELETE FROM person_owner WHERE id = 9001"),
        (OWNER, "person_owner", "UPDATE person_owner SET owner = 'other' WHERE id = 9001"),
        (OWNER, "person_owner", "INSERT INTO person_owner (id) VALUES (9002) ON CONFLICT DO NOTHING"),
        (PERSON_TRUSTS[0], "person_trust", "DELETE FROM person_trust WHERE trust_id = 9001"),
        (PERSON_TRUSTS[1], "person_trust", "UPDATE person_trust SET trust_id = 9003 WHERE trust_id = 9001"),
        (POST_TRUSTS[0], "post_trust", "INSERT INTO post_trust VALUES (1, 9002, 'TRAINING') ON CONFLICT DO NOTHING"),
    ],
)
def test_a_trigger_that_writes_other_rows_too_stops_a_job_and_nothing_is_written(
    source: Connection, run: RunJob, job: str, table: str, others: str
) -> None:
    add_career(source, 9001)
    run(job, RUN_DATE)  # row 9001 is right now
    add_career(source, 9005)
    before = read_tables(source)
    source.execute(f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {others}; RETURN NULL; END $$")
    source.execute(
        f"CREATE TRIGGER act AFTER INSERT ON {table} FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION act()"
    )
    with pytest.raises(NotWritten, match=rf"^{table}.*: .* writes other rows, too: .*Nothing was written\.$"):
        run(job, RUN_DATE)
    assert_same_tables(read_tables(source), before)


def test_a_dry_run_and_a_trigger_that_changes_nothing_pass(source: Connection, run: RunJob) -> None:
    add_trigger(source, "person_owner", "INSERT OR UPDATE", DISCARD)
    assert run(OWNER, RUN_DATE, dry_run=True).added == 2
    source.execute("CREATE OR REPLACE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    assert run(OWNER, RUN_DATE).added == 2


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(("job", "table"), [(STATUS, "person"), (FUNDING, "post")])
def test_a_row_that_the_application_removes_meanwhile_is_neither_an_error_nor_counted(
    tcs_dsn: str, run: RunJob, monkeypatch: pytest.MonkeyPatch, job: str, table: str
) -> None:
    def remove_first(connection: Connection, statement: Any, parameters: Any = None) -> Any:
        if str(statement).endswith("_apply"):
            with psycopg.connect(tcs_dsn, autocommit=True) as other:
                other.execute(f"DELETE FROM {table} WHERE id = 2")
        return execute(connection, statement, parameters)

    monkeypatch.setattr(difference, "execute", remove_first)
    report = run(job, RUN_DATE)
    assert (report.read, report.changed, report.unchanged) == (2, 2, 0)
