"""Whether a new index of persons holds what PostgreSQL has, asked in other ways than those that filled it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.postgres.statements import Connection, execute, one_row
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.search.documents import content_key, differing_fields
from sync_jobs.search.refresh import find_documents, persons_of
from sync_jobs.search.source_comparison import differing_persons

Documents = dict[int, list[dict[str, Any]]]  # by person

# Persons named when an index is refused.
NAMED_PERSONS = 10


@dataclass(frozen=True)
class Totals:
    """Documents of an index, and what is nested in them."""

    documents: int
    trusts: int
    memberships: int

    def __str__(self) -> str:
        return f"{self.documents} documents with {self.trusts} trusts and {self.memberships} programme memberships"


def count_exported(connection: Connection, exported: str, run_date: date) -> Totals:
    """What the index must hold, by another connection than the one whose snapshot was exported."""
    with snapshot(connection, exported):
        return wanted_totals(connection, run_date)


def wanted_totals(connection: Connection, run_date: date) -> Totals:
    """What the index must hold, by a count apart from how the documents are made."""
    return Totals(*one_row(connection, "indices/persons/totals", {"run_date": run_date}))


def verify_totals(connection: Connection, client: Elasticsearch, name: str, wanted: Totals, run_date: date) -> None:
    """Raise IndexNotAsExpected unless the index holds exactly what PostgreSQL counted, with the first that differ.

    Inside a transaction of the snapshot by which it was counted.
    """
    found = found_totals(client, name)
    if found != wanted:
        persons = differing_persons(connection, client, name, run_date)
        raise IndexNotAsExpected(f"{name}: expected {wanted}, found {found}. {_first(persons)}")


def found_totals(client: Elasticsearch, name: str) -> Totals:
    """What an index holds."""
    nested = {path: {"nested": {"path": path}} for path in ("trusts", "programmeMemberships")}
    answer = client.search(index=name, size=0, track_total_hits=True, aggregations=nested)
    counts = answer["aggregations"]
    return Totals(
        documents=answer["hits"]["total"]["value"],
        trusts=counts["trusts"]["doc_count"],
        memberships=counts["programmeMemberships"]["doc_count"],
    )


def sample_of_persons(connection: Connection, name: str, persons: int) -> list[int]:
    """So many persons, picked by the name of the index: the same index, the same persons."""
    return [row[0] for row in execute(connection, "indices/persons/sample_keys", {"seed": name, "persons": persons})]


def plain_documents(connection: Connection, run_date: date, persons: Sequence[int]) -> Documents:
    """The documents of these persons, by a plain query that has nothing in common with the build's."""
    documents: Documents = {person: [] for person in persons}
    for person, document in execute(
        connection, "person_documents_plainly", {"run_date": run_date, "person_ids": list(persons)}
    ):
        documents[person].append(document)
    return documents


def verify_documents(client: Elasticsearch, name: str, wanted: Documents) -> None:
    """Compare the documents of these persons with the wanted ones, field by field; raise IndexNotAsExpected."""
    found: Documents = defaultdict(list)
    for hit in find_documents(client, name, list(wanted), fields=True):
        for person in persons_of(hit):
            found[person].append(hit["_source"])
    wrong = {person: _difference(documents, found[person]) for person, documents in wanted.items()}
    wrong = {person: difference for person, difference in wrong.items() if difference}
    if wrong:
        named = "; ".join(f"person {person}: {what}" for person, what in islice(wrong.items(), NAMED_PERSONS))
        raise IndexNotAsExpected(
            f"{name}: of {len(wanted)} persons compared field by field, {len(wrong)} are not as a plain query has "
            f"them: {named}."
        )


def _difference(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> str:
    """How a person's documents differ, without what is in them; empty if they do not."""
    if len(wanted) != len(found):
        return f"expected {len(wanted)} documents, found {len(found)}"
    pairs = zip(sorted(wanted, key=content_key), sorted(found, key=content_key), strict=True)
    fields = {name for one, other in pairs for name in differing_fields(one, other)}
    return f"fields {', '.join(sorted(fields))}" if fields else ""


def _first(persons: Iterable[int]) -> str:
    ids = list(islice(persons, NAMED_PERSONS + 1))
    if not ids:
        return "Every person's own documents are right, so somebody else has written to it."
    more = " and more" if len(ids) > NAMED_PERSONS else ""
    return f"The documents of persons {', '.join(map(str, ids[:NAMED_PERSONS]))}{more} differ."
