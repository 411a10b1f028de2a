"""Guard rails of the index: an emptied source must not empty a field of the search (design.md, "Guard rails").

Documents do not go when the table behind one of their fields is empty: they stay, without that field.
"""

from collections.abc import Mapping
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.guard_rail import check_guard_rail
from sync_jobs.search.documents import mapping

NESTED = "nested"


def count_values(client: Elasticsearch, name: str) -> dict[str, int]:
    """How many documents of the index have a value in each field of the mapping, or nested objects in each list."""
    answer = client.search(index=name, size=0, aggregations=_questions(mapping()["properties"]))
    return dict(_counts(answer["aggregations"]))


def check_values(
    name: str, before: Mapping[str, int], after: Mapping[str, int], maximum_removed_percent: float
) -> None:
    """Raise GuardRail if too many values of one field would leave the search. before, after: of count_values()."""
    for field, count in before.items():
        check_guard_rail(f"{field} in index {name}", count - after[field], count, maximum_removed_percent)


def _questions(properties: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """One aggregation a field, by its full name."""
    questions: dict[str, Any] = {}
    for field, kind in properties.items():
        full_name = f"{path}{field}"
        if kind["type"] == NESTED:
            inner = _questions(kind["properties"], f"{full_name}.")
            questions[full_name] = {NESTED: {"path": full_name}, "aggregations": inner}
        else:
            questions[full_name] = {"filter": {"exists": {"field": full_name}}}
    return questions


def _counts(answers: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts: list[tuple[str, int]] = []
    for field, answer in answers.items():
        if isinstance(answer, dict):
            counts += [(field, answer["doc_count"]), *_counts(answer)]
    return counts
