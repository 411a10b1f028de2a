"""The role sync_jobs may do what the jobs need and nothing else (docs/domain.md, "Tables")."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from local.postgres import RIGHTS_FILE, Postgres
from tests.awkward_data import COLUMNS, Connection
from tests.conftest import TEMPLATE, new_database

OWNED = {"person_owner", "person_trust", "post_trust"}
FIELDS = {("person", "status"), ("post", "funding_status")}
APPLICATION_TABLES = sorted(COLUMNS.keys() - OWNED)
FORBIDDEN_FIELDS = sorted(
    (table, column) for table in APPLICATION_TABLES for column in COLUMNS[table] if (table, column) not in FIELDS
)


@pytest.fixture(scope="module")
def job_connection(postgres_server: Postgres) -> Iterator[Connection]:
    """A connection with the rights of the jobs, for all tests of this file: each rolls back what it does."""
    with (
        new_database(postgres_server, "tcs", TEMPLATE) as database,
        psycopg.connect(postgres_server.dsn("sync_jobs", database), autocommit=True) as connection,
    ):
        yield connection


def refused(connection: Connection, statement: str) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def test_the_columns_of_every_table_are_known_to_the_tests(tcs: Connection) -> None:
    found = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    known = {(table, column) for table, columns in COLUMNS.items() for column in columns}
    assert set(tcs.execute(found).fetchall()) == known


@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_it_reads_every_table(job_connection: Connection, table: str) -> None:
    assert not refused(job_connection, f"SELECT * FROM {table}")


@pytest.mark.parametrize("table", sorted(OWNED))
def test_it_writes_the_tables_that_the_jobs_own(job_connection: Connection, table: str) -> None:
    assert not refused(job_connection, f"DELETE FROM {table}")
    column = COLUMNS[table][1]
    assert not refused(job_connection, f"UPDATE {table} SET {column} = {column}")


@pytest.mark.parametrize(("table", "column"), sorted(FIELDS))
def test_it_updates_the_two_fields_that_the_jobs_own(job_connection: Connection, table: str, column: str) -> None:
    assert not refused(job_connection, f"UPDATE {table} SET {column} = {column}")


def test_it_updates_no_other_field_of_the_application(job_connection: Connection) -> None:
    allowed = [
        (table, column)
        for table, column in FORBIDDEN_FIELDS
        if not refused(job_connection, f"UPDATE {table} SET {column} = {column}")
    ]
    assert FORBIDDEN_FIELDS
    assert allowed == []


@pytest.mark.parametrize("table", APPLICATION_TABLES)
def test_it_neither_adds_nor_removes_rows_of_the_application(job_connection: Connection, table: str) -> None:
    assert refused(job_connection, f"INSERT INTO {table} DEFAULT VALUES")
    assert refused(job_connection, f"DELETE FROM {table}")
    assert refused(job_connection, f"TRUNCATE {table}")


@pytest.mark.parametrize("table", sorted(OWNED))
def test_it_neither_empties_nor_alters_nor_drops_a_table(job_connection: Connection, table: str) -> None:
    assert refused(job_connection, f"TRUNCATE {table}")
    assert refused(job_connection, f"ALTER TABLE {table} ADD COLUMN more text")
    assert refused(job_connection, f"DROP TABLE {table}")


def test_it_makes_temporary_tables(job_connection: Connection) -> None:
    assert not refused(job_connection, "CREATE TEMPORARY TABLE mine (id bigint)")


def test_the_script_of_rights_is_enough_without_default_rights(tcs: Connection, job_dsn: str) -> None:
    """An administrator may have revoked CONNECT and TEMPORARY from PUBLIC."""
    rights = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, sync_jobs").format(sql.Identifier(tcs.info.dbname))
    tcs.execute(rights)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(job_dsn)
    tcs.execute(RIGHTS_FILE.read_bytes())
    with psycopg.connect(job_dsn) as connection:
        assert not refused(connection, "CREATE TEMPORARY TABLE mine (id bigint)")


def test_it_makes_no_tables_and_no_roles(job_connection: Connection) -> None:
    assert refused(job_connection, "CREATE TABLE public.mine (id bigint)")
    assert refused(job_connection, "CREATE ROLE mine")
