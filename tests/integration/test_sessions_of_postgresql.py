"""What a run needs of its sessions: all rows, tuples, its lock, a recent server, and an end when a host dies."""

import os
import socket
from datetime import date
from typing import Any

import psycopg
import pytest
from elasticsearch import Elasticsearch
from psycopg.rows import dict_row, namedtuple_row

from local.postgres import ADMINISTRATOR, Postgres
from sync_jobs.errors import AccessRefused, AlreadyRunning, TransientError, UnsupportedServer
from sync_jobs.postgres import connection as connections
from sync_jobs.postgres.connection import another_connection, take_over
from sync_jobs.postgres.locks import advisory_lock
from tests.application import Application
from tests.awkward_data import COLUMNS, Connection
from tests.comparison import RunJob, runner

OWNER, INDEX = "PersonOwnerRebuildJob", "PersonElasticSearchSyncJob"
PERSON_TRUSTS, POST_TRUSTS = "PersonPlacementEmployingBodyTrustJob", "PostTrainingBodyTrustJob"
FUNDING, STATUS = "PostFundingStatusSyncJob", "PersonRecordStatusJob"
# Every table that a job reads.
READ_BY = {
    OWNER: ("person", "programme_membership", "programme", "placement", "post", "person_owner"),
    PERSON_TRUSTS: ("person", "placement", "post", "person_trust"),
    POST_TRUSTS: ("post", "post_trust"),
    FUNDING: ("post", "post_funding"),
    STATUS: ("person", "programme_membership"),
    INDEX: (
        *("person", "contact_details", "gmc_details", "gdc_details", "specialty", "programme", "placement"),
        *("placement_specialty", "programme_membership", "curriculum_membership", "person_owner", "person_trust"),
    ),
}
RUN_DATE = date(2026, 3, 10)
PERSONS = range(1, 4)


@pytest.fixture
def application(tcs: Connection, elasticsearch: Elasticsearch) -> Application:
    application = Application(tcs, elasticsearch)
    application.add(PERSONS)
    return application


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("row_factory", [dict_row, namedtuple_row])
def test_the_row_factory_of_a_connection_changes_nothing(
    job_dsn: str, elasticsearch: Elasticsearch, row_factory: Any
) -> None:
    with psycopg.connect(job_dsn, row_factory=row_factory) as connection:
        run = runner(connection, elasticsearch)
        assert run(OWNER, RUN_DATE).read == len(PERSONS)
        assert run(INDEX, RUN_DATE).added == len(PERSONS)
        assert run("PersonRecordStatusJob", RUN_DATE, date_override="ANY").read >= 0


def test_the_row_factory_of_a_connection_does_not_hide_a_lock(
    job_dsn: str, job_connection: Connection, elasticsearch: Elasticsearch
) -> None:
    with (
        advisory_lock(job_connection, OWNER),
        psycopg.connect(job_dsn, row_factory=dict_row) as connection,
        pytest.raises(AlreadyRunning),
    ):
        runner(connection, elasticsearch)(OWNER, RUN_DATE)


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("job", [OWNER, INDEX])
def test_a_policy_that_hides_rows_stops_a_job_and_says_what_to_grant(tcs: Connection, run: RunJob, job: str) -> None:
    run(OWNER, RUN_DATE)
    tcs.execute("ALTER TABLE person ENABLE ROW LEVEL SECURITY")
    tcs.execute("CREATE POLICY first_two ON person TO sync_jobs USING (id < 3)")
    with pytest.raises(AccessRefused, match=r'row-level security policy for table "person".*BYPASSRLS') as caught:
        run(job, RUN_DATE)
    assert not isinstance(caught.value, TransientError)
    assert tcs.execute("SELECT count(*) FROM person_owner").fetchone() == (len(PERSONS),)


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("job", [OWNER, INDEX, "PersonRecordStatusJob"])
def test_a_view_in_the_place_of_a_table_stops_a_job(tcs: Connection, run: RunJob, job: str) -> None:
    tcs.execute("ALTER TABLE person RENAME TO all_persons")
    tcs.execute("CREATE VIEW person AS SELECT * FROM all_persons WHERE id < 3")
    tcs.execute("GRANT SELECT, UPDATE ON person TO sync_jobs")
    with pytest.raises(UnsupportedServer, match=r"person is a view, which may hide rows"):
        run(job, RUN_DATE)


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("job", [OWNER, INDEX])
def test_a_copy_of_a_table_in_an_earlier_schema_of_the_search_path_stops_a_job(
    tcs: Connection, job_connection: Connection, run: RunJob, job: str
) -> None:
    tcs.execute("CREATE SCHEMA backup")
    tcs.execute("CREATE TABLE backup.person AS SELECT * FROM person WHERE id = 1")
    tcs.execute("GRANT USAGE ON SCHEMA backup TO sync_jobs")
    tcs.execute("GRANT SELECT ON backup.person TO sync_jobs")
    job_connection.execute("SET search_path = backup, public")
    with pytest.raises(UnsupportedServer, match=r"one schema of the search_path, but person is in backup and public\."):
        run(job, RUN_DATE)
    job_connection.execute("SET search_path = public")
    run(job, RUN_DATE)


def test_a_day_begins_at_midnight_utc_in_every_time_zone_of_the_role(
    tcs: Connection, job_connection: Connection, run: RunJob
) -> None:
    """Also where the application has made a date a timestamp with time zone."""
    tcs.execute("ALTER TABLE placement ALTER date_from TYPE timestamptz USING date_from AT TIME ZONE 'UTC'")
    tcs.execute("INSERT INTO person (id) VALUES (1)")
    tcs.execute("INSERT INTO post (id, owner) VALUES (1, 'local office')")
    tcs.execute(
        "INSERT INTO placement (id, trainee_id, post_id, date_from, date_to)"
        " VALUES (1, 1, 1, '2026-03-10 00:00:00+00', '2026-12-31')"
    )
    job_connection.execute("SET TimeZone = 'Pacific/Auckland'")
    run(OWNER, RUN_DATE)
    assert tcs.execute("SELECT rule FROM person_owner").fetchone() == ("P2",)


def test_the_tables_that_jobs_read_are_all_tables() -> None:
    assert {table for tables in READ_BY.values() for table in tables} == set(COLUMNS)


@pytest.mark.parametrize(("job", "table"), [(job, table) for job, tables in READ_BY.items() for table in tables])
def test_a_policy_on_any_table_that_a_job_reads_stops_it(
    application: Application, run: RunJob, job: str, table: str
) -> None:
    application.postgres.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    with pytest.raises(AccessRefused, match=f'row-level security policy for table "{table}"'):
        run(job, RUN_DATE)


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW"])
@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_a_view_in_the_place_of_any_table_stops_every_job(tcs: Connection, run: RunJob, table: str, kind: str) -> None:
    tcs.execute(f"ALTER TABLE {table} RENAME TO whole")
    tcs.execute(f"CREATE {kind} {table} AS SELECT * FROM whole")
    tcs.execute(f"GRANT SELECT ON {table} TO sync_jobs")
    for job in READ_BY:
        with pytest.raises(UnsupportedServer, match=f"{table} is a {kind.lower()}, which may hide rows"):
            run(job, RUN_DATE)


def test_a_foreign_table_as_a_partition_stops_every_job(
    tcs: Connection, run: RunJob, postgres_server: Postgres, database: str
) -> None:
    tcs.execute("DROP TABLE specialty")
    tcs.execute("CREATE TABLE specialty (id bigint, name text, specialty_code text) PARTITION BY RANGE (id)")
    tcs.execute("GRANT SELECT ON specialty TO sync_jobs")
    with psycopg.connect(postgres_server.dsn(ADMINISTRATOR, database), autocommit=True) as administrator:
        administrator.execute("CREATE EXTENSION postgres_fdw")
        administrator.execute("CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw")
        administrator.execute(
            "CREATE FOREIGN TABLE far_away PARTITION OF specialty FOR VALUES FROM (0) TO (1000) SERVER elsewhere"
        )
    for job in READ_BY:
        with pytest.raises(UnsupportedServer, match="far_away is a foreign table, which may hide rows"):
            run(job, RUN_DATE)


def test_a_partitioned_table_is_a_table(tcs: Connection, run: RunJob) -> None:
    tcs.execute("DROP TABLE specialty")
    tcs.execute("CREATE TABLE specialty (id bigint, name text, specialty_code text) PARTITION BY RANGE (id)")
    tcs.execute("GRANT SELECT ON specialty TO sync_jobs")
    run(OWNER, RUN_DATE)


def test_a_server_that_is_too_old_is_named_with_the_version_that_is_needed(
    run: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MINIMUM_MAJOR_VERSION", 99)
    with pytest.raises(
        UnsupportedServer, match=r"PostgreSQL 18 is too old: expected version 99 or later.* Nothing was written\.$"
    ):
        run(OWNER, RUN_DATE)


def test_a_server_that_is_read_only_is_a_transient_error(job_dsn: str, elasticsearch: Elasticsearch) -> None:
    """So is a standby before it takes the place of a primary that has died."""
    with (
        psycopg.connect(job_dsn, options="-c default_transaction_read_only=on") as connection,
        pytest.raises(TransientError, match="ReadOnlySqlTransaction 25006"),
    ):
        runner(connection, elasticsearch)("PostFundingStatusSyncJob", RUN_DATE)


def test_a_lock_that_was_lost_is_reported_though_the_work_is_done(job_connection: Connection) -> None:
    with (
        pytest.raises(UnsupportedServer, match=r"no longer holds the lock.*The work of this run was already complete"),
        advisory_lock(job_connection, OWNER),
    ):
        job_connection.execute("SELECT pg_advisory_unlock_all()")


def test_the_first_error_is_reported_though_the_lock_was_lost(job_connection: Connection) -> None:
    def fail() -> None:
        job_connection.execute("SELECT pg_advisory_unlock_all()")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), advisory_lock(job_connection, OWNER):
        fail()


def test_both_connections_of_a_run_have_keepalives_on_both_sides(job_dsn: str) -> None:
    with psycopg.connect(job_dsn, **connections.KEEPALIVES) as first:  # type: ignore[arg-type]
        take_over(first)
        with another_connection(first) as second:
            for connection in (first, second):
                assert client_keepalives(connection) == (1, 60, 10, 6, 120_000)
                assert show(connection, "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count") == (
                    *("60", "10", "6"),
                )


def test_a_second_connection_has_keepalives_though_the_first_has_none(job_dsn: str) -> None:
    with psycopg.connect(job_dsn) as first, another_connection(first) as second:
        assert client_keepalives(second)[1] == 60


def client_keepalives(connection: Connection) -> tuple[int, ...]:
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        return (
            own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
            own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
            own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        )


def show(connection: Connection, *names: str) -> tuple[str, ...]:
    return tuple(connection.execute(f"SHOW {name}").fetchall()[0][0] for name in names)


def test_a_second_connection_goes_to_the_server_of_the_first(job_dsn: str) -> None:
    """Another host of the connection can be a standby, or a pooler that was not checked."""
    hosts = psycopg.conninfo.make_conninfo(job_dsn, host="localhost,127.0.0.1", load_balance_hosts="random")
    with psycopg.connect(hosts) as first:
        for _ in range(20):
            with another_connection(first) as second:
                assert (second.info.host, second.info.hostaddr) == (first.info.host, first.info.hostaddr)


def test_a_second_connection_has_the_settings_that_the_first_was_given(job_dsn: str) -> None:
    with psycopg.connect(job_dsn, autocommit=True) as first:
        first.execute("SET statement_timeout = '7min'")
        first.execute("SET search_path = public, pg_temp")
        take_over(first)
        with another_connection(first) as second:
            names = ("statement_timeout", "search_path", "row_security", "lock_timeout")
            assert show(second, *names) == show(first, *names) == ("7min", "public, pg_temp", "off", "1min")
