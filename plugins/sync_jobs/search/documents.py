"""What two documents of a person have to have in common to be the same, whoever wrote them.

The application writes documents too: under ids of Elasticsearch's making, with or without the fields that have
no value, with lists in an order of its own.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

DEFINITION_FILE = Path(__file__).resolve().parents[3] / "include" / "elasticsearch" / "persons.json"

_ACTION = '{"index":{"_id":"'


@cache
def mapping() -> dict[str, Any]:
    """The mapping of an index of persons, as include/elasticsearch/persons.json has it."""
    content: dict[str, Any] = json.loads(DEFINITION_FILE.read_text(encoding="utf-8"))
    return content


def document_id(line: bytes) -> str:
    """The _id in a finished bulk line of indices/persons/documents.sql."""
    return line[len(_ACTION) : line.index(b'"', len(_ACTION))].decode()


def person_of(own_id: str) -> int:
    """The person whose document has this _id, one of ours: <person id>-<hash of the content>."""
    return int(own_id.rpartition("-")[0])


def is_own_id(person_id: int, any_id: str) -> bool:
    """Whether a document of that person has an _id of ours, and not one that Elasticsearch made up."""
    return re.fullmatch(rf"{person_id}-[0-9a-f]{{1,16}}", any_id) is not None


def source_of(line: bytes) -> dict[str, Any]:
    """The document in a finished bulk line."""
    source: dict[str, Any] = json.loads(line.split(b"\n", 2)[1])
    return source


def canonical(source: dict[str, Any]) -> dict[str, Any]:
    """The content alone: the fields of the mapping that have a value, numbers as numbers, lists in one order."""
    return _canonical_object(source, mapping()["properties"])


def content_key(source: dict[str, Any]) -> str:
    """Alike for documents of the same content."""
    return json.dumps(canonical(source), sort_keys=True)


def differing_fields(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of the fields in which two documents differ."""
    first, second = canonical(one), canonical(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _canonical_object(source: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    values = ((name, _canonical_value(source.get(name), kind)) for name, kind in properties.items())
    return {name: value for name, value in values if value not in (None, [])}


def _canonical_value(value: Any, kind: dict[str, Any]) -> Any:
    if value is None:
        return None
    if kind.get("type") == "nested":
        items = [_canonical_item(item, kind["properties"]) for item in _flat(value)]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    return _number(value) if kind.get("type") == "long" else value


def _canonical_item(item: Any, properties: dict[str, Any]) -> Any:
    """What is no object stays what it is: no document of ours has it, so it makes a difference."""
    return _canonical_object(item, properties) if isinstance(item, dict) else item


def _flat(value: Any) -> Iterator[Any]:
    """The items of a list and of the lists in it, or the only one; nulls left out: so Elasticsearch reads them."""
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif value is not None:
        yield value


def _number(value: Any) -> Any:
    """An id written as text is the number that the mapping takes it for; whatever else it is stays what it is."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return value
