"""Whether an index has the mapping of a definition."""

from collections.abc import Iterator, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.search.definition import IndexDefinition


def has_mapping(client: Elasticsearch, index: str, definition: IndexDefinition) -> bool:
    """Whether the index has every field of the definition as the definition says; it may have more."""
    found = client.indices.get_mapping(index=index)[index]["mappings"]
    return not list(differences(definition.mapping, found))


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What differs from the wanted mapping, such as "surname.type". Elasticsearch omits parameters with defaults."""
    for name, value in wanted.items():
        full_name = f"{path}{name}"
        if isinstance(value, Mapping):
            yield from differences(value, found.get(name) or {}, f"{full_name}.") if name in found else (full_name,)
        elif _text(found[name]) != _text(value) if name in found else name == "type":
            yield full_name


def _text(value: Any) -> str:
    """Elasticsearch answers false as "false"."""
    return str(value).lower() if isinstance(value, bool) else str(value)
