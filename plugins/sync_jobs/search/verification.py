"""Checks that a new index agrees with PostgreSQL, by other queries than those that filled it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.postgres.statements import Connection, execute
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.search.definition import NESTED, IndexDefinition
from sync_jobs.search.documents import Properties, content_key, differing_fields, flat
from sync_jobs.search.oversized import oversized_named
from sync_jobs.search.reads import search
from sync_jobs.search.refresh import find_documents, keys_of
from sync_jobs.search.source_comparison import differing_keys

Documents = dict[int, list[dict[str, Any]]]  # by key

# How many keys an error names when an index is refused.
NAMED_KEYS = 10


@dataclass(frozen=True)
class Totals:
    """Documents of an index, and nested objects by the field that holds them."""

    documents: int
    nested: dict[str, int]

    def __str__(self) -> str:
        nested = " and ".join(f"{count} {field}" for field, count in self.nested.items())
        return f"{self.documents} documents" + (f" with {nested}" if nested else "")

    def exchanged(self, removed: Iterable[Mapping[str, Any]], added: Iterable[Mapping[str, Any]]) -> "Totals":
        """The totals of the index with some documents removed and others added."""
        out, new = list(removed), list(added)
        nested = {
            field: count + _count_nested(new, field) - _count_nested(out, field) for field, count in self.nested.items()
        }
        return Totals(self.documents + len(new) - len(out), nested)

    def by_name(self) -> dict[str, int]:
        """All counts, for the guard rail."""
        return {"documents": self.documents, **self.nested}


def _count_nested(documents: Iterable[Mapping[str, Any]], field: str) -> int:
    return sum(1 for document in documents for _ in flat(document.get(field)))


def count_exported(definition: IndexDefinition, connection: Connection, exported: str, run_date: date) -> Totals:
    """Like wanted_totals(), in a snapshot that another connection has exported."""
    with snapshot(connection, exported):
        return wanted_totals(definition, connection, run_date)


def wanted_totals(definition: IndexDefinition, connection: Connection, run_date: date) -> Totals:
    """What the index must hold, counted independently of the query that makes the documents."""
    cursor = execute(connection, definition.query("totals"), {"run_date": run_date})
    names = [column.name for column in cursor.description or ()]
    counts = dict(zip(names, cursor.fetchone() or (), strict=True))
    return Totals(counts["documents"], {field: counts[field] for field in definition.nested_fields})


def verify_totals(
    definition: IndexDefinition,
    connection: Connection,
    client: Elasticsearch,
    name: str,
    *,
    wanted: Totals,
    run_date: date,
    left_out: Collection[int] = (),
) -> None:
    """Raise IndexNotAsExpected, naming the first keys that differ, unless the index holds what PostgreSQL counted.

    left_out: keys that differ on purpose. Call it inside a transaction of the snapshot that was counted.
    """
    found = found_totals(definition, client, name)
    if found != wanted:
        differing = differing_keys(definition, connection, client, name, run_date)
        keys = (key for key in differing if key not in left_out)
        raise IndexNotAsExpected(f"{name}: expected {wanted}, found {found}. {_first(definition, keys)}")


def found_totals(definition: IndexDefinition, client: Elasticsearch, name: str) -> Totals:
    """What an index holds."""
    nested = {field: {NESTED: {"path": field}} for field in definition.nested_fields}
    answer = search(client, index=name, size=0, track_total_hits=True, aggregations=nested)
    return Totals(
        documents=answer["hits"]["total"]["value"],
        nested={field: answer["aggregations"][field]["doc_count"] for field in nested},
    )


def sample_of_keys(definition: IndexDefinition, connection: Connection, name: str, size: int) -> list[int]:
    """Up to size keys, chosen by the name of the index: the same index always gives the same keys."""
    rows = execute(connection, definition.query("sample_keys"), {"seed": name, "size": size})
    return [row[0] for row in rows]


def plain_documents(
    definition: IndexDefinition, connection: Connection, run_date: date, keys: Sequence[int]
) -> Documents:
    """The documents of these keys, by a plain query that is independent of the one of the build.

    Raises RejectedDocument, with the keys, if a value is too large for PostgreSQL.
    """
    documents: Documents = {key: [] for key in keys}

    def rows(other: Connection, some: list[int]) -> list[tuple[int, dict[str, Any]]]:
        parameters = {"run_date": run_date, "keys": some}
        return execute(other, definition.query("plain_documents"), parameters).fetchall()

    with oversized_named(definition, connection, keys, rows):
        for key, document in rows(connection, list(keys)):
            documents[key].append(document)
    return documents


def verify_documents(definition: IndexDefinition, client: Elasticsearch, name: str, wanted: Documents) -> None:
    """Compare the documents of these keys with the wanted ones, field by field; raise IndexNotAsExpected."""
    found: Documents = defaultdict(list)
    for hit in find_documents(definition, client, name, list(wanted), fields=True):
        for key in keys_of(definition, hit):
            found[key].append(hit["_source"])
    properties = definition.properties
    wrong = {key: _difference(documents, found[key], properties) for key, documents in wanted.items()}
    wrong = {key: difference for key, difference in wrong.items() if difference}
    if wrong:
        named = "; ".join(f"{definition.entity} {key}: {what}" for key, what in islice(wrong.items(), NAMED_KEYS))
        raise IndexNotAsExpected(
            f"{name}: of {len(wanted)} {definition.entity}s compared field by field with a plain query, {len(wrong)} "
            f"differ: {named}."
        )


def _difference(wanted: list[dict[str, Any]], found: list[dict[str, Any]], properties: Properties) -> str:
    """How the documents of one key differ, without their content; empty if they do not."""
    if len(wanted) != len(found):
        return f"expected {len(wanted)} documents, found {len(found)}"

    fields = differences_of(wanted, found, properties)
    return f"fields {', '.join(fields)}" if fields else ""


def differences_of(wanted: list[dict[str, Any]], found: list[dict[str, Any]], properties: Properties) -> list[str]:
    """The names of the fields in which as many documents of one key differ, in alphabetical order."""

    def by_content(document: dict[str, Any]) -> str:
        return content_key(document, properties)

    pairs = zip(sorted(wanted, key=by_content), sorted(found, key=by_content), strict=True)
    return sorted({name for one, other in pairs for name in differing_fields(one, other, properties)})


def _first(definition: IndexDefinition, keys: Iterable[int]) -> str:
    first = list(islice(keys, NAMED_KEYS + 1))
    if not first:
        return f"No {definition.entity} has documents that differ now: another writer has changed the index."
    more = " and more" if len(first) > NAMED_KEYS else ""
    return f"The documents of {definition.entity}s {', '.join(map(str, first[:NAMED_KEYS]))}{more} differ."
