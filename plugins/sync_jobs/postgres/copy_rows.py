"""Rows of one text column as a stream of bytes, by COPY."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import psycopg
from psycopg.errors import error_from_result

from sync_jobs.postgres.statements import Connection

# A binary COPY begins with a header. Each row begins with its number of fields (2 bytes) and the length of the field
# (4 bytes). The end mark is only a number of fields.
HEADER = 19
ROW_OVERHEAD = 6


def stream_text(connection: Connection, query: str, parameters: Mapping[str, Any]) -> Generator[bytes, None, None]:
    """The rows of a SELECT of one text column that is never null, as UTF-8 bytes.

    Binary COPY delivers finished bytes: nothing has to be unescaped or decoded. Close the generator if not all of it
    is read; until then, the connection cannot do anything else. Raises psycopg.Error.
    """
    with psycopg.ClientCursor(connection).copy(f"COPY ({query}) TO STDOUT (FORMAT binary)", parameters) as copy:
        for row in _rows(copy):
            yield bytes(row[ROW_OVERHEAD:])


def _rows(copy: psycopg.Copy) -> Iterator[memoryview]:
    """The rows of a binary COPY.

    The driver starts a new wait for each row, which takes most of the time when rows are about a kilobyte long. So the
    driver is used only to wait for a row that has not arrived yet; rows that have arrived are taken from libpq.
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
    copy.read()  # the end of the statement, after the end mark


def _error(connection: Connection) -> psycopg.Error:
    """Why the rows ended without an end mark. Leaves the connection as the driver leaves it after an error."""
    results = []
    while result := connection.pgconn.get_result():
        results.append(result)
    return error_from_result(results[0], connection.info.encoding)
