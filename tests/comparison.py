"""Helpers for comparing jobs with the naive model: run a job, read its results, count and compare them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pprint import pformat
from typing import Any, Protocol

from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from sync_jobs.catalogue import find_job
from sync_jobs.report import Report
from sync_jobs.runner import run_job
from sync_jobs.search.settings import IndexSettings
from tests.awkward_data import COLUMNS, Connection
from tests.naive_model import Document, Tables, canonical

ALIAS = "persons"

# In most tests nobody else writes, so what was written does not have to be checked again after some seconds.
SETTINGS = IndexSettings(settle_seconds=0)

# The fields of the index persons, with their types (docs/domain.md, "Mapping").
LONG: dict[str, Any] = {"type": "long"}
KEYWORD: dict[str, Any] = {"type": "keyword"}
TEXT: dict[str, Any] = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
MAPPING: dict[str, Any] = {
    "personId": LONG,
    "gradeId": LONG,
    "siteId": LONG,
    "surname": KEYWORD,
    "forenames": KEYWORD,
    "gmcNumber": KEYWORD,
    "gdcNumber": KEYWORD,
    "publicHealthNumber": KEYWORD,
    "placementType": KEYWORD,
    "specialty": KEYWORD,
    "role": KEYWORD,
    "currentOwner": KEYWORD,
    "fullName": TEXT,
    "status": TEXT,
    "intrepidId": TEXT,
    "gradeAbbreviation": TEXT,
    "gradeName": TEXT,
    "siteCode": TEXT,
    "siteName": TEXT,
    "currentOwnerRule": TEXT,
    "trusts": {"type": "nested", "properties": {"personId": LONG, "trustId": LONG}},
    "programmeMemberships": {
        "type": "nested",
        "properties": {
            "id": LONG,
            "personId": LONG,
            "programmeId": LONG,
            "programmeName": TEXT,
            "programmeNumber": TEXT,
            "programmeMembershipStatus": TEXT,
        },
    },
}

# Fields that the mapping has, and that no build fills.
NEVER_BUILT = {"gradeName", "siteName"}
FIELDS = tuple(field for field in MAPPING if field not in NEVER_BUILT)
TRUST_FIELDS = tuple(MAPPING["trusts"]["properties"])
PROGRAMME_MEMBERSHIP_FIELDS = tuple(MAPPING["programmeMemberships"]["properties"])

CountsByName = dict[str, int]


class RunJob(Protocol):
    """Runs the job of that name on the servers of the test, as the role sync_jobs."""

    def __call__(self, job: str, run_date: date, **arguments: Any) -> Report: ...


def runner(postgres: Connection, elasticsearch: Elasticsearch) -> RunJob:
    def run(job: str, run_date: date, **arguments: Any) -> Report:
        arguments = {"settings": SETTINGS} | arguments
        return run_job(find_job(job), postgres=postgres, elasticsearch=elasticsearch, run_date=run_date, **arguments)

    return run


# Rows


def owners(tables: Tables) -> dict[int, tuple[str | None, str | None]]:
    return {row["id"]: (row["owner"], row["rule"]) for row in tables["person_owner"]}


def trusts(tables: Tables, table: str, body: str) -> set[tuple[int, int]]:
    """The pairs of that body in person_trust or post_trust."""
    key = COLUMNS[table][0]
    return {(row[key], row["trust_id"]) for row in tables[table] if row["body"] == body}


def column(tables: Tables, table: str, name: str) -> dict[int, Any]:
    """One column of a table by id."""
    return {row["id"]: row[name] for row in tables[table]}


def without(tables: Tables, table: str, column_name: str | None = None) -> Tables:
    """The tables without what a job may write: a table, or one column of it."""
    if column_name is None:
        return {name: rows for name, rows in tables.items() if name != table}
    stripped = [{name: value for name, value in row.items() if name != column_name} for row in tables[table]]
    return tables | {table: stripped}


def assert_same_tables(found: Tables, expected: Tables) -> None:
    """Shows only the rows that differ; a comparison of whole tables would print all rows."""
    differing = {
        table: [row for row in found[table] if row not in expected[table]]
        + [row for row in expected[table] if row not in found[table]]
        for table in expected
        if found[table] != expected[table]
    }
    assert not differing, as_text(differing)


def row_versions(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    """Position and writing transaction of each row: only these show an update that changes no value."""
    return sorted(connection.execute(f"SELECT ctid::text, xmin::text FROM {table}").fetchall())


# Counts


def counts(report: Report) -> CountsByName:
    return {name: getattr(report, name) for name in ("read", "added", "changed", "removed", "unchanged")}


def expected_counts(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> CountsByName:
    """The counts that a report must have, from the rows before and after, key by key."""
    kept = before.keys() & after.keys()
    changed = sum(before[key] != after[key] for key in kept)
    return {
        "read": len(after),
        "added": len(after.keys() - before.keys()),
        "changed": changed,
        "removed": len(before.keys() - after.keys()),
        "unchanged": len(kept) - changed,
    }


def no_change(read: int) -> CountsByName:
    return {"read": read, "added": 0, "changed": 0, "removed": 0, "unchanged": read}


# Documents


def documents_behind_alias(client: Elasticsearch) -> dict[int, list[Document]]:
    """All documents that a reader finds, by person, in the form of the model."""
    client.indices.refresh(index=ALIAS)
    found: dict[int, list[Document]] = {}
    for hit in scan(client, index=ALIAS, query={"query": {"match_all": {}}}):
        document = normalised(hit["_source"])
        found.setdefault(document["personId"], []).append(document)
    return {person_id: sorted(documents, key=canonical) for person_id, documents in found.items()}


def normalised(source: Document) -> Document:
    """Missing fields become None and lists are sorted. Everything else is kept, also unknown fields."""
    document = named(source, FIELDS)
    if isinstance(document["trusts"], list):
        document["trusts"] = in_order([named(entry, TRUST_FIELDS) for entry in document["trusts"]])
    if isinstance(document["programmeMemberships"], list):
        document["programmeMemberships"] = in_order(
            [named(entry, PROGRAMME_MEMBERSHIP_FIELDS) for entry in document["programmeMemberships"]]
        )
    return document


def named(source: Document, fields: Iterable[str]) -> Document:
    """All of these fields, with or without a value, and every other field that has a value."""
    return dict.fromkeys(fields) | {name: value for name, value in source.items() if value is not None}


def in_order(entries: list[Document]) -> list[Document]:
    return sorted(entries, key=lambda entry: (entry.get("id") or 0, entry.get("trustId") or 0, canonical(entry)))


def assert_same_documents(found: dict[int, list[Document]], expected: dict[int, list[Document]]) -> None:
    """Compares the documents of each person as multisets, by exact values, and shows what differs."""
    differing = {}
    for person_id in found.keys() | expected.keys():
        surplus = Counter(map(canonical, found.get(person_id, [])))
        missing = Counter(map(canonical, expected.get(person_id, [])))
        if surplus != missing:
            differing[person_id] = {"surplus": list(surplus - missing), "missing": list(missing - surplus)}
    assert not differing, as_text(differing)


def as_text(differing: Mapping[Any, Any]) -> str:
    """The number of differences, and the first three."""
    shown = dict(list(differing.items())[:3])
    return f"{len(differing)} differ, the first are:\n{pformat(shown, width=140)}"


def indices_behind_alias(client: Elasticsearch) -> list[str]:
    return sorted(client.indices.get_alias(name=ALIAS).body)


def all_indices(client: Elasticsearch) -> list[str]:
    return sorted(client.indices.get(index="*").body)


def edit_as_the_application_does(client: Elasticsearch, edited: Mapping[int, list[Document]]) -> None:
    """Replace the documents of each person through the alias; Elasticsearch generates the ids of the new ones."""
    client.indices.refresh(index=ALIAS)
    for person_id, documents in edited.items():
        hits = client.search(index=ALIAS, query={"term": {"personId": person_id}}, size=1000)["hits"]["hits"]
        for hit in hits:
            client.delete(index=ALIAS, id=hit["_id"])
        for document in documents:
            client.index(index=ALIAS, document=document)
    client.indices.refresh(index=ALIAS)
