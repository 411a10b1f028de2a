"""A stand-in for the TIS application: it writes to the tables that the jobs read and to the index that they build.

See docs/domain.md, "Writes of the application".
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from elasticsearch import Elasticsearch

from tests.waiting import PATIENCE_SECONDS

ALIAS = "persons"
PERSON_IDS = range(1, 61)
STATUSES = ("CURRENT", "INACTIVE")


@dataclass
class Application:
    """Edits persons: commits to PostgreSQL, then rewrites that person's documents through the alias.

    It searches for the documents with that personId, deletes them, and indexes new ones with ids that Elasticsearch
    generates. Its persons have only names and a status.

    begun, finished: how many edits have begun, and have finished, so that another thread can wait for an edit.
    """

    postgres: psycopg.Connection[Any]
    search: Elasticsearch
    begun: int = 0
    finished: int = 0
    progress: threading.Condition = field(default_factory=threading.Condition)

    def add(self, persons: range) -> None:
        """Add persons in PostgreSQL only."""
        self.postgres.execute(
            "INSERT INTO person (id, status) SELECT unnest(%s::bigint[]), 'CURRENT'", (list(persons),)
        )
        self.postgres.execute(
            "INSERT INTO contact_details (id, surname, forenames) SELECT unnest(%s::bigint[]), 'Adeyemi-Ng', 'Zoë'",
            (list(persons),),
        )

    def edit(self, person: int, surname: str, status: str = "CURRENT") -> None:
        """Change the name of a person, who is added if they do not exist."""
        with self._an_edit(person), self.postgres.transaction():
            self.postgres.execute(
                "INSERT INTO person (id, status) VALUES (%s, %s) "
                "ON CONFLICT (id) DO UPDATE SET status = excluded.status",
                (person, status),
            )
            self.postgres.execute(
                "INSERT INTO contact_details (id, surname, forenames) VALUES (%s, %s, 'Zoë') "
                "ON CONFLICT (id) DO UPDATE SET surname = excluded.surname",
                (person, surname),
            )

    def remove(self, person: int) -> None:
        with self._an_edit(person), self.postgres.transaction():
            self.postgres.execute("DELETE FROM contact_details WHERE id = %s", (person,))
            self.postgres.execute("DELETE FROM person WHERE id = %s", (person,))

    @contextmanager
    def _an_edit(self, person: int) -> Iterator[None]:
        """One edit: the block commits it, then the documents of that person are rewritten."""
        with self.progress:
            self.begun += 1
        try:
            yield
            self.rewrite(person)
        finally:
            with self.progress:
                self.finished += 1
                self.progress.notify_all()

    def wait_for_edits(self) -> None:
        """Wait until every edit that began before this call has finished."""
        with self.progress:
            begun = self.begun
            assert self.progress.wait_for(lambda: self.finished >= begun, PATIENCE_SECONDS)

    def rewrite(self, person: int) -> None:
        """Through the alias, in separate requests: a swap may happen between any two of them."""
        documents = self.documents([person])
        found = self.search.search(index=ALIAS, query={"term": {"personId": person}}, source=False, size=100)
        for hit in found["hits"]["hits"]:
            self.search.options(ignore_status=404).delete(index=ALIAS, id=hit["_id"])
        for document in documents:
            self.search.index(index=ALIAS, document=document)
        self.search.indices.refresh(index=ALIAS)

    def documents(self, persons: list[int] | None = None) -> list[dict[str, Any]]:
        """The documents of these persons (None: of all), from PostgreSQL, without the fields that have no value."""
        rows = self.postgres.execute(
            "SELECT person.id, surname, forenames, status FROM person JOIN contact_details USING (id) "
            "WHERE %(persons)s::bigint[] IS NULL OR person.id = any(%(persons)s) ORDER BY person.id",
            {"persons": persons},
        )
        return [
            {
                "personId": person,
                "surname": surname,
                "forenames": forenames,
                "fullName": f"{forenames} {surname}",
                "status": status,
            }
            for person, surname, forenames, status in rows
        ]


@contextmanager
def editing_all_the_time(
    application: Application, persons: range, random_numbers: random.Random
) -> Iterator[list[int]]:
    """A thread that edits, adds and removes persons, one after the other, until the block ends.

    Yields the list of the persons edited so far. An error in the thread is raised at the end.
    """
    stop = threading.Event()
    edited: list[int] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                person = random_numbers.choice(persons)
                if random_numbers.random() < 0.2:
                    application.remove(person)
                else:
                    application.edit(person, f"Name {len(edited)} \U0001f600", random_numbers.choice(STATUSES))
                edited.append(person)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield edited
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]
