"""The guard rails of an index's fields: a broken source must not empty or multiply a field, or make all its values one.

docs/design.md, "Guard rails". If the source table of a field is empty, the documents stay, but all of them lose that
field. If its source column is overwritten, all of them get the same value; where only some documents have the field,
the share of changed documents does not show that.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.guard_rail import Effect
from sync_jobs.search.definition import NESTED, IndexDefinition
from sync_jobs.search.documents import Properties
from sync_jobs.search.reads import search


def count_values(definition: IndexDefinition, client: Elasticsearch, name: str) -> dict[str, int]:
    """For each field of the mapping: how many documents have a value, or how many nested objects there are."""
    answer = search(client, index=name, size=0, aggregations=_aggregations(definition.properties, _exists))
    return dict(_counts(answer["aggregations"]))


def fields_of_one_value(definition: IndexDefinition, client: Elasticsearch, name: str) -> set[str]:
    """The fields of the mapping that have the same value wherever they have one."""
    answer = search(client, index=name, size=0, aggregations=_aggregations(definition.properties, _different))
    return {field for field, different in _differing(answer["aggregations"]) if different == 1}


def effects_on_values(
    name: str, before: Mapping[str, int], after: Mapping[str, int], same: Collection[str] = ()
) -> dict[str, Effect]:
    """For the guard rails: what a run does to the values of each field. before, after: of count_values().

    same: the fields of which all values that stay become one and the same.
    """
    return {
        f"{field} in index {name}": Effect(
            existing=count,
            lost=max(0, count - after[field]),
            added=max(0, after[field] - count),
            changed=min(count, after[field]) if field in same else 0,
        )
        for field, count in before.items()
    }


def _aggregations(
    properties: Properties, of_field: Callable[[str, Mapping[str, Any]], dict[str, Any]], path: str = ""
) -> dict[str, Any]:
    """One aggregation for each field, by its full name. of_field: makes it from the full name and the mapping."""
    aggregations: dict[str, Any] = {}
    for field, kind in properties.items():
        full_name = f"{path}{field}"
        if kind["type"] == NESTED:
            inner = _aggregations(kind["properties"], of_field, f"{full_name}.")
            aggregations[full_name] = {NESTED: {"path": full_name}, "aggregations": inner}
        else:
            aggregations[full_name] = of_field(full_name, kind)
    return aggregations


def _exists(field: str, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"filter": {"exists": {"field": field}}}


def _different(field: str, kind: Mapping[str, Any]) -> dict[str, Any]:
    """A text has no values to count, except in its sub-field."""
    counted = f"{field}.keyword" if "keyword" in kind.get("fields", {}) else field
    return {"cardinality": {"field": counted, "execution_hint": "global_ordinals"}}


def _counts(answers: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for field, answer in answers.items():
        if isinstance(answer, dict):
            yield field, answer["doc_count"]
            yield from _counts(answer)


def _differing(answers: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for field, answer in answers.items():
        if isinstance(answer, dict):
            if "value" in answer:
                yield field, answer["value"]
            yield from _differing(answer)
