"""Checks what Elasticsearch has created for a new index: index templates may add to the request."""

import logging
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.search.index_mapping import differences

# With these the documents could not be found, or would differ from PostgreSQL.
_MUST_NOT_BE_MAPPED = ("_source", "_routing")
# With a sorted index, Elasticsearch finds no document by the value of the sort field if there are nested objects.
_MUST_NOT_BE_SET = (
    *("index.default_pipeline", "index.final_pipeline", "index.blocks.", "index.mode", "index.sort."),
    *("index.mapping.source.mode", "index.analysis.analyzer.default", "index.analysis.analyzer.standard"),
)
# Values with which these settings have no effect. A synthetic source is compared like any other.
_HARMLESS = ("false", "_none", "standard", "stored", "synthetic")
# A runtime field takes the place of the field of the same name in searches.
_RUNTIME = "runtime"

log = logging.getLogger(__name__)


def check_created(client: Elasticsearch, name: str, mapping: Mapping[str, Any], *, given: Collection[str] = ()) -> None:
    """Remove all aliases from a new, empty index; raise IndexNotAsExpected if its mapping or settings would do harm.

    given: settings that do not come from a template, because the index was created with them.
    """
    found = client.indices.get(index=name, flat_settings=True)[name]
    if found["aliases"]:
        removals = [{"remove": {"index": name, "alias": alias}} for alias in found["aliases"]]
        client.indices.update_aliases(actions=removals)
        log.warning(
            "%s: %s put the new, empty index behind %s, and the build removed it from there. While both indices are "
            "behind the alias, writes of the application fail: remove the alias from the template",
            name,
            _templates(client, name),
            ", ".join(sorted(found["aliases"])),
        )
    wrong = [f"mapping {each}" for each in differences(mapping, found["mappings"])]
    wrong += [f"mapping {each}" for each in _MUST_NOT_BE_MAPPED if each in found["mappings"] and each not in mapping]
    wrong += [f"mapping {_RUNTIME}.{each}" for each in found["mappings"].get(_RUNTIME, {}) if _is_ours(each, mapping)]
    harmful = {setting for setting, value in found["settings"].items() if value not in _HARMLESS}
    settings = harmful.difference(given)
    wrong += [f"setting {each}" for each in sorted(settings) if each.startswith(_MUST_NOT_BE_SET)]
    if wrong:
        raise IndexNotAsExpected(
            f"{name}: {_templates(client, name)} changes what a new index gets: {', '.join(wrong)}. Let the template "
            "match other names only, or remove this from it, then run the job again."
        )


def _is_ours(field: str, mapping: Mapping[str, Any]) -> bool:
    return field.partition(".")[0] in mapping["properties"]


def _templates(client: Elasticsearch, name: str) -> str:
    """The index template that Elasticsearch applies to an index of this name, for messages."""
    try:
        templates = client.indices.get_index_template()["index_templates"]
        matching = [each for each in templates if _matches(each["index_template"], name)]
        if matching:
            applied = max(matching, key=lambda each: each["index_template"].get("priority", 0))
            return f"index template {applied['name']}"
        legacy = client.indices.get_template()
        names = [each for each in sorted(legacy) if _matches(legacy[each], name)]
    except ApiError:  # we may not read templates
        names = []
    return f"index template {', '.join(names)}" if names else "an index template (GET /_index_template)"


def _matches(template: Mapping[str, Any], name: str) -> bool:
    patterns = template["index_patterns"]
    return any(fnmatchcase(name, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))
