"""A stand-in for the running service, which did these jobs before: it leaves tables and an index as that service does.

It works out everything with the naive model, deletes and creates an index called persons, and lets Elasticsearch make
up the ids of its documents (docs/domain.md, "The eight jobs").
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from elasticsearch import Elasticsearch

from tests.awkward_data import Connection, read_tables
from tests.comparison import ALIAS, MAPPING
from tests.naive_model import (
    person_documents,
    person_owners,
    person_statuses,
    person_trusts,
    post_trusts,
    posts_to_make_inactive,
)

BODIES = ("EMPLOYING", "TRAINING")


@dataclass
class RunningService:
    """postgres: with the rights of the application, which the service shares."""

    postgres: Connection
    search: Elasticsearch

    def run_night(self, run_date: date) -> None:
        """All jobs in the order of the table. So the index shows the statuses of before PersonRecordStatusJob."""
        self._write_tables(run_date)
        self.build_index(run_date)
        tables = read_tables(self.postgres)
        for post in posts_to_make_inactive(tables, run_date):
            self.postgres.execute("UPDATE post SET funding_status = 'INACTIVE' WHERE id = %s", (post,))
        for person, status in person_statuses(tables, run_date).items():
            self.postgres.execute("UPDATE person SET status = %s WHERE id = %s", (status, person))

    def _write_tables(self, run_date: date) -> None:
        tables = read_tables(self.postgres)
        owners = [(person, *owner) for person, owner in person_owners(tables, run_date).items()]
        self._replace("person_owner", owners)
        self._replace("person_trust", [(*pair, body) for body in BODIES for pair in person_trusts(tables, body)])
        self._replace("post_trust", [(*pair, body) for body in BODIES for pair in post_trusts(tables, body)])

    def _replace(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """The rows of all columns. Readers see an empty table for a moment."""
        self.postgres.execute(f"TRUNCATE {table}")
        with self.postgres.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def build_index(self, run_date: date) -> None:
        """Delete the index and fill a new one. Elasticsearch refuses to delete an alias."""
        self.search.options(ignore_status=404).indices.delete(index=ALIAS)
        self.search.indices.create(index=ALIAS, mappings={"properties": MAPPING})
        documents = person_documents(read_tables(self.postgres), run_date)
        operations: list[dict[str, Any]] = []
        for document in chain.from_iterable(documents.values()):
            operations += [{"index": {}}, document]
        if operations:
            answer = self.search.bulk(index=ALIAS, operations=operations, refresh=True)
            assert not answer["errors"]
