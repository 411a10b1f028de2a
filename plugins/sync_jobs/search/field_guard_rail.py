"""The guard rails of an index's fields: a broken source must not empty or multiply a field.

docs/design.md, "Guard rails". If the source table of a field is empty, the documents stay, but all of them lose that
field.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.guard_rail import Effect
from sync_jobs.search.definition import NESTED, IndexDefinition
from sync_jobs.search.reads import search


def count_values(definition: IndexDefinition, client: Elasticsearch, name: str) -> dict[str, int]:
    """For each field of the mapping: how many documents have a value, or how many nested objects there are."""
    answer = search(client, index=name, size=0, aggregations=_aggregations(definition.properties))
    return dict(_counts(answer["aggregations"]))


def effects_on_values(name: str, before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, Effect]:
    """For the guard rails: what a run does to the values of each field. before, after: of count_values()."""
    return {
        f"{field} in index {name}": Effect(
            existing=count, lost=max(0, count - after[field]), added=max(0, after[field] - count)
        )
        for field, count in before.items()
    }


def _aggregations(properties: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """One aggregation for each field, by its full name."""
    aggregations: dict[str, Any] = {}
    for field, kind in properties.items():
        full_name = f"{path}{field}"
        if kind["type"] == NESTED:
            inner = _aggregations(kind["properties"], f"{full_name}.")
            aggregations[full_name] = {NESTED: {"path": full_name}, "aggregations": inner}
        else:
            aggregations[full_name] = {"filter": {"exists": {"field": full_name}}}
    return aggregations


def _counts(answers: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for field, answer in answers.items():
        if isinstance(answer, dict):
            yield field, answer["doc_count"]
            yield from _counts(answer)
