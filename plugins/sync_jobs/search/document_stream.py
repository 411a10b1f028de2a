"""The documents of an index as a stream of finished bulk lines from PostgreSQL."""

from collections import deque
from collections.abc import Generator
from datetime import date

from sync_jobs.postgres.copy_rows import stream_text
from sync_jobs.postgres.sql_files import read_sql
from sync_jobs.postgres.statements import Connection
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.oversized import oversized_named


def document_lines(
    definition: IndexDefinition, connection: Connection, run_date: date, keys: list[int] | None = None
) -> Generator[bytes, None, None]:
    """One bulk operation for each document, ordered by key. keys: None for all.

    Raises RejectedDocument, with the keys, if a value is too large for PostgreSQL.
    """
    query = read_sql(definition.query("documents"))

    def stream(other: Connection, some: list[int] | None) -> Generator[bytes, None, None]:
        return stream_text(other, query, {"run_date": run_date, "keys": some})

    with oversized_named(definition, connection, keys, lambda other, some: deque(stream(other, some), maxlen=0)):
        yield from stream(connection, keys)
