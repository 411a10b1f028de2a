"""Runs the SQL statements of include/sql."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from sync_jobs.postgres.sql_files import Statement, read_sql

Connection = psycopg.Connection[Any]
Parameters = Mapping[str, Any]


def execute(
    connection: Connection, statement: Statement, parameters: Parameters | None = None
) -> psycopg.ClientCursor[Any]:
    """Run a statement and return its cursor.

    Values are inserted on the client: CREATE TABLE AS and COPY accept no parameters, and the planner sees the actual
    dates. Rows are tuples, also where the connection has another row factory.
    """
    return psycopg.ClientCursor(connection, row_factory=tuple_row).execute(read_sql(statement), parameters or {})


def one_row(connection: Connection, statement: Statement, parameters: Parameters | None = None) -> tuple[Any, ...]:
    """The only row of a statement."""
    row = execute(connection, statement, parameters).fetchone()
    if row is None:
        raise LookupError(f"{statement}: expected a row, found none")
    return tuple(row)


def named_rows(
    connection: Connection, statement: Statement, parameters: Parameters | None = None
) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement, fetched a few at a time. Call it inside a transaction."""
    name = statement.stem if isinstance(statement, Path) else statement
    with connection.cursor(name, row_factory=tuple_row) as cursor:
        yield from cursor.execute(read_sql(statement), parameters)
