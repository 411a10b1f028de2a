"""The documents of the index persons as finished bulk lines, while PostgreSQL makes them."""

from collections.abc import Generator
from datetime import date

from sync_jobs.postgres.copy_rows import stream_text
from sync_jobs.postgres.statements import Connection, read_sql


def document_lines(
    connection: Connection, run_date: date, person_ids: list[int] | None = None
) -> Generator[bytes, None, None]:
    """One operation each (documents.sql), in the order of the persons' ids. person_ids: None for everybody."""
    query = read_sql("indices/persons/documents")
    return stream_text(connection, query, {"run_date": run_date, "person_ids": person_ids})
