"""Whether an index has the mapping of a definition."""

from collections.abc import Iterator, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.search.definition import IndexDefinition

# The parameters of a mapping, or of a field, that hold fields.
_FIELDS = ("properties", "fields", "runtime")


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


def more_than(mapping: Mapping[str, Any], other: Mapping[str, Any], *, only_missing: bool = False) -> Iterator[str]:
    """What another mapping has and this one lacks: names of fields (surname.raw), and parameters with other values.

    Both as Elasticsearch answers them. only_missing: without the parameters of fields that both have.
    """
    for parameter, value in other.items():
        own = mapping.get(parameter, {})
        if parameter in _FIELDS:
            for name, definition in value.items():
                if name not in own:
                    yield name
                else:
                    yield from (
                        f"{name}.{each}" for each in more_than(own[name], definition, only_missing=only_missing)
                    )
        elif parameter != "_meta" and not only_missing and mapping.get(parameter) != value:
            yield parameter


def _text(value: Any) -> str:
    """Elasticsearch answers false as "false"."""
    return str(value).lower() if isinstance(value, bool) else str(value)
