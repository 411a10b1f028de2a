"""The documents of the index persons as finished bulk lines, while PostgreSQL makes them."""

from collections.abc import Generator, Iterator, Mapping
from datetime import date
from typing import Any

import psycopg
from psycopg.errors import error_from_result

from sync_jobs.database import Connection, read_sql

# A binary COPY begins with a header; each row begins with its number of fields (2 bytes) and the field's length
# (4 bytes). The end mark is a number of fields alone.
HEADER = 19
ROW_OVERHEAD = 6


def document_lines(
    connection: Connection, run_date: date, person_ids: list[int] | None = None
) -> Generator[bytes, None, None]:
    """One operation each (person_documents.sql), in the order of the persons' ids. person_ids: None for everybody."""
    return stream_text(connection, read_sql("person_documents"), {"run_date": run_date, "person_ids": person_ids})


def stream_text(connection: Connection, query: str, parameters: Mapping[str, Any]) -> Generator[bytes, None, None]:
    """The rows of a SELECT of one text column that is never null, as UTF-8 bytes.

    Binary COPY hands over finished bytes: nothing is unescaped or decoded on the way. Close it if not all of it is
    read: the connection can do nothing else before that. Raises psycopg.Error.
    """
    with psycopg.ClientCursor(connection).copy(f"COPY ({query}) TO STDOUT (FORMAT binary)", parameters) as copy:
        for row in _rows(copy):
            yield bytes(row[ROW_OVERHEAD:])


def _rows(copy: psycopg.Copy) -> Iterator[memoryview]:
    """The rows of a binary COPY.

    The driver begins to wait anew for each, which takes most of the time of reading rows of a kilobyte. So it is
    asked only for one that is not there yet; those that have arrived behind it are taken from libpq.
    """
    libpq = copy.connection.pgconn
    row = memoryview(copy.read())[HEADER:]
    while len(row) >= ROW_OVERHEAD:
        yield row
        length, row = libpq.get_copy_data(1)
        if length < 0:
            raise _error(copy.connection)
        if length == 0:
            row = memoryview(copy.read())
    copy.read()  # the end of the statement, behind the end mark


def _error(connection: Connection) -> psycopg.Error:
    """Why the rows have ended without an end mark. Leaves the connection as the driver leaves it after an error."""
    results = []
    while result := connection.pgconn.get_result():
        results.append(result)
    return error_from_result(results[0], connection.info.encoding)
