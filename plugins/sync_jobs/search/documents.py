"""When two documents are equal, and what a bulk line or an _id says about its document.

The application writes documents, too: with ids that Elasticsearch generates, with or without the fields that have no
value, and with lists in any order.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sync_jobs.search.definition import NESTED

_ACTION = '{"index":{"_id":"'

Properties = Mapping[str, Any]  # of a mapping: IndexDefinition.properties


def document_id(line: bytes) -> str:
    """The _id in a finished bulk line."""
    return line[len(_ACTION) : line.index(b'"', len(_ACTION))].decode()


def key_of(own_id: str) -> int:
    """The key of the document with this _id, which a build made: <key>-<hash of the content>."""
    return int(own_id.rpartition("-")[0])


def is_own_id(key: int, any_id: str) -> bool:
    """Whether the _id of a document with that key has the form that a build gives: <key>-<hash>."""
    return re.fullmatch(rf"{key}-[0-9a-f]{{1,16}}", any_id) is not None


def source_of(line: bytes) -> dict[str, Any]:
    """The document in a finished bulk line."""
    source: dict[str, Any] = json.loads(line.split(b"\n", 2)[1])
    return source


def canonical(source: Mapping[str, Any], properties: Properties) -> dict[str, Any]:
    """The content of a document: the fields of the mapping with a value, numbers as numbers, lists in a fixed order."""
    values = ((name, _canonical_value(source.get(name), kind)) for name, kind in properties.items())
    return {name: value for name, value in values if value not in (None, [])}


def content_key(source: Mapping[str, Any], properties: Properties) -> str:
    """A text that is equal for documents with the same content."""
    return json.dumps(canonical(source, properties), sort_keys=True)


def differing_fields(one: Mapping[str, Any], other: Mapping[str, Any], properties: Properties) -> list[str]:
    """Names of the fields in which two documents differ."""
    first, second = canonical(one, properties), canonical(other, properties)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def values_of(source: Mapping[str, Any], properties: Properties, path: str = "") -> Iterator[str]:
    """The full name of each field that has a value, and of each nested field once for each object in it."""
    for name, kind in properties.items():
        values = list(flat(source.get(name)))
        if kind.get("type") != NESTED:
            yield from [f"{path}{name}"] if values else []
            continue
        for item in values:
            yield f"{path}{name}"
            yield from values_of(item, kind["properties"], f"{path}{name}.") if isinstance(item, dict) else ()


def _canonical_value(value: Any, kind: Mapping[str, Any]) -> Any:
    if value is None:
        return None
    if kind.get("type") == NESTED:
        items = [_canonical_item(item, kind["properties"]) for item in flat(value)]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    return _number(value) if kind.get("type") == "long" else value


def _canonical_item(item: Any, properties: Properties) -> Any:
    """An item that is not an object is kept: no document of a build has one, so it counts as a difference."""
    return canonical(item, properties) if isinstance(item, dict) else item


def flat(value: Any) -> Iterator[Any]:
    """The items of a list and of the lists in it, or the single value; nulls are skipped, as in Elasticsearch."""
    if isinstance(value, list):
        for item in value:
            yield from flat(item)
    elif value is not None:
        yield value


def _number(value: Any) -> Any:
    """The number that the mapping reads from a text; any other value is returned unchanged."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return value
