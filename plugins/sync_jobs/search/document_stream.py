"""The documents of an index as a stream of finished bulk lines from PostgreSQL."""

from collections.abc import Generator
from datetime import date

from sync_jobs.postgres.copy_rows import stream_text
from sync_jobs.postgres.sql_files import read_sql
from sync_jobs.postgres.statements import Connection
from sync_jobs.search.definition import IndexDefinition


def document_lines(
    definition: IndexDefinition, connection: Connection, run_date: date, keys: list[int] | None = None
) -> Generator[bytes, None, None]:
    """One bulk operation for each document, ordered by key. keys: None for all."""
    return stream_text(connection, read_sql(definition.query("documents")), {"run_date": run_date, "keys": keys})
