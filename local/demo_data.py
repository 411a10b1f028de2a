"""Demo data: an invented TIS of any size, for the local stack, the tests and the benchmark.

    seed, persons, run date  =>  local/sql/demo_*.sql, in order  =>  the application's tables

PostgreSQL generates all rows. The same seed, size and run date give the same rows.
"""

from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

SQL_FOLDER = Path(__file__).resolve().parent / "sql"

TABLES = (
    "specialty",
    "programme",
    "post",
    "post_funding",
    "programme_membership",
    "curriculum_membership",
    "placement",
    "placement_specialty",
    "person",
    "contact_details",
    "gmc_details",
    "gdc_details",
)


class DatabaseNotEmpty(Exception):
    """The database already holds persons. Demo data is not mixed with other data: nothing was written."""


def load_demo_data(connection: psycopg.Connection[Any], persons: int, run_date: date, seed: int = 1) -> dict[str, int]:
    """Fill the application's tables with `persons` persons and their records, in one transaction.

    The connection's role must own the tables, which must exist and be empty. There is work for every job around
    run_date: fundings that ended the day before, programmes that start on that day. person_owner, person_trust and
    post_trust stay empty: the jobs fill them. With 0 persons nothing is written.

    Returns the number of rows written, by table. Raises DatabaseNotEmpty if there are persons, ValueError if
    persons < 0.
    """
    if persons < 0:
        raise ValueError(f"The number of persons must be 0 or more, not {persons}.")
    with connection.transaction():
        _refuse_if_filled(connection)
        if persons:
            _run_steps(connection, {"persons": persons, "run_date": run_date, "seed": seed})
        return {table: _count(connection, table) for table in TABLES}


def _refuse_if_filled(connection: psycopg.Connection[Any]) -> None:
    if connection.execute("SELECT id FROM person LIMIT 1").fetchone() is not None:
        raise DatabaseNotEmpty("Table person is not empty: demo data needs an empty database.")


def _run_steps(connection: psycopg.Connection[Any], parameters: dict[str, object]) -> None:
    """Run local/sql/demo_*.sql in the order of their names. Only the first one takes parameters."""
    # ClientCursor inserts the values in Python, because CREATE FUNCTION accepts no server-side parameters.
    cursor = psycopg.ClientCursor(connection)
    first, *others = sorted(SQL_FOLDER.glob("demo_*.sql"))
    cursor.execute(first.read_bytes(), parameters)
    for step in others:
        cursor.execute(step.read_bytes())


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0
