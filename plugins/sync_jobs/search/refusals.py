"""Documents that Elasticsearch refuses because of their content: key, field and kind of reason, never the content."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.documents import Properties, flat, source_of

UNKNOWN_FIELD = "unknown"
TOO_LARGE = "the document is larger than a request may be"
TOO_LONG = "a value longer than 32,766 bytes"

# Elasticsearch's own words for these refusals contain limits and names of settings, but no content.
_TOO_LONG = re.compile(r"immense term|bytes can be at most 32766")
_NESTED_LIMIT = re.compile(
    r"The number of nested documents has exceeded the allowed limit of \[\d+\]\. "
    r"This limit can be set by changing the \[[\w.]+\] index level setting\."
)
_FIELD = re.compile(r'field(?:=| )"?\[?([\w.]+)|object mapping for \[([\w.]+)\]')


@dataclass(frozen=True)
class Refusal:
    """A document that Elasticsearch does not accept. field: its full name in the mapping, or "unknown"."""

    key: int
    document_id: str
    field: str
    reason: str


def refused(definition: IndexDefinition, operation: bytes, error: Mapping[str, Any]) -> Refusal:
    """Why Elasticsearch refused an index operation. error: the item's own, with type and reason."""
    texts = [error.get("reason") or "", (error.get("caused_by") or {}).get("reason") or ""]
    limit = next((match[0] for text in texts if (match := _NESTED_LIMIT.search(text))), None)
    if limit:
        source = source_of(operation)
        sizes = {field: sum(1 for _ in flat(source.get(field))) for field in definition.nested_fields}
        return _refusal(definition, operation, _largest(sizes), limit)
    fields = (_field_of(definition, text) for text in texts)
    field = next((name for name in fields if name), UNKNOWN_FIELD)
    if any(_TOO_LONG.search(text) for text in texts):
        return _refusal(definition, operation, field, TOO_LONG)
    cause = (error.get("caused_by") or error)["type"]
    kind = error["type"] if cause == error["type"] else f"{error['type']}, {cause}"
    return _refusal(definition, operation, field, kind)


def too_large(definition: IndexDefinition, operation: bytes) -> Refusal:
    """For a document that is larger than a request may be. The field is the largest one."""
    sizes = {field: len(json.dumps(value)) for field, value in source_of(operation).items()}
    return _refusal(definition, operation, _largest(sizes), TOO_LARGE)


def _refusal(definition: IndexDefinition, operation: bytes, field: str, reason: str) -> Refusal:
    (action,) = json.loads(operation.split(b"\n", 1)[0]).values()
    return Refusal(source_of(operation)[definition.key_field], action["_id"], field, reason)


def _largest(sizes: Mapping[str, int]) -> str:
    return max(sizes, key=lambda field: sizes[field], default=UNKNOWN_FIELD)


def _field_of(definition: IndexDefinition, reason: str) -> str | None:
    """The field that a reason names. The reason may quote content, so only names of the mapping count."""
    known = set(_names(definition.properties))
    for match in _FIELD.finditer(reason):
        name = match[1] or match[2]
        if name in known:
            return name
    return None


def _names(properties: Properties, path: str = "") -> Iterator[str]:
    for name, kind in properties.items():
        yield f"{path}{name}"
        yield from _names(kind.get("properties", {}), f"{path}{name}.")
        yield from _names(kind.get("fields", {}), f"{path}{name}.")
