"""What an operator put on the live index: the index that takes its place gets its settings; the rest is named."""

import logging

from elasticsearch import BadRequestError, Elasticsearch

from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.index_alias import definition_of
from sync_jobs.search.index_mapping import more_than

# Set by the build itself: only IndexSettings decides.
_OURS = ("index.number_of_shards", "index.number_of_replicas", "index.auto_expand_replicas")
# Belongs to one index, and is set by Elasticsearch.
_OF_ONE_INDEX = (
    "index.creation_date",
    "index.history.",
    "index.number_of_routing_shards",
    "index.provided_name",
    "index.resize.",
    "index.routing.allocation.initial_recovery.",
    "index.uuid",
    "index.verified_before_close",
    "index.version.",
)
# A block was set to stop writes to that one index.
_BLOCKS = "index.blocks."
# While the index is loaded, the build decides.
_WHILE_LOADING = ("index.refresh_interval",)
# They would change documents that are copied.
_PIPELINES = ("index.default_pipeline", "index.final_pipeline")

log = logging.getLogger(__name__)


def settings_for_copy(client: Elasticsearch, index: str) -> dict[str, str]:
    """The settings with which to create a copy of an index: without those that belong to one index, and pipelines."""
    left_out = (*_OURS[1:], *_OF_ONE_INDEX, *_PIPELINES, _BLOCKS)
    return {name: value for name, value in _settings(client, index).items() if not name.startswith(left_out)}


def carry_over(definition: IndexDefinition, client: Elasticsearch, live: str | None, name: str) -> list[str]:
    """Give an index that takes the place of the live one what an operator put on that. live: None without one.

    Return sentences about what it does not get. Call it after make_searchable(), which sets the replicas.
    """
    if live is None:
        return []
    warnings = carry_over_settings(client, live, name)
    versions = [definition_of(client, definition.alias, each) for each in (live, name)]
    if versions[0] is None:  # a plain index of the running service: its mapping is that service's
        return warnings
    return warnings + _mapping_left_behind(client, live, name, same_definition=versions[0] == versions[1])


def carry_over_settings(client: Elasticsearch, live: str, name: str) -> list[str]:
    """The same for settings alone. Each sentence is also in the log."""
    warnings = []
    refused = _carry_over(client, live, name)
    if refused:
        warnings.append(
            f"{name}: the live index {live} has settings that cannot be carried over: {', '.join(sorted(refused))}. "
            "Set them in an index template, or on the new index, if they are still wanted."
        )
    wanted, existing = (_replicas(_settings(client, each)) for each in (live, name))
    if wanted != existing:
        warnings.append(
            f"{name}: the live index {live} has {wanted}, and the new one {existing}: only the index setting replicas "
            "decides. Change that setting if another number of replicas is wanted."
        )
    return _logged(warnings)


def _mapping_left_behind(client: Elasticsearch, live: str, name: str, *, same_definition: bool) -> list[str]:
    """A sentence about the fields that an operator added to the live index: the definition does not have them.

    same_definition: whether one definition built both indices. If not, only fields that are missing are named: other
    differences come from the definitions.
    """
    found, wanted = (client.indices.get_mapping(index=each)[each]["mappings"] for each in (name, live))
    more = sorted(more_than(found, wanted, only_missing=not same_definition))
    if not more:
        return []
    return _logged(
        [
            f"{name}: the mapping of the live index {live} has fields or parameters that the new one lacks: "
            f"{', '.join(more)}. A build creates only those of its definition: add them there if they are still wanted."
        ]
    )


def _logged(warnings: list[str]) -> list[str]:
    for warning in warnings:
        log.warning("%s", warning)
    return warnings


def carry_over_while_loading(client: Elasticsearch, live: str, name: str) -> None:
    """Give an index that is about to be loaded the settings of the live one, as far as the build does not decide."""
    _carry_over(client, live, name, without=_WHILE_LOADING)


def _carry_over(client: Elasticsearch, live: str, name: str, *, without: tuple[str, ...] = ()) -> list[str]:
    """Set what differs. Return the settings that cannot be carried over. without: settings to leave alone."""
    wanted, existing = _settings(client, live), _settings(client, name)
    missing = {
        setting: value
        for setting, value in wanted.items()
        if existing.get(setting) != value and not setting.startswith((*_OURS, *_OF_ONE_INDEX, *without))
    }
    refused = [setting for setting, value in missing.items() if setting.startswith(_BLOCKS) and value != "false"]
    for setting, value in missing.items():
        if setting not in refused and not _put(client, name, setting, value):
            refused.append(setting)
    return refused


def _replicas(settings: dict[str, str]) -> str:
    """How the replicas of an index are set. Elasticsearch itself changes their number if auto_expand_replicas is on."""
    expand = settings.get("index.auto_expand_replicas", "false")
    names = ("index.number_of_replicas",) if expand == "false" else ("index.auto_expand_replicas",)
    return ", ".join(f"{name} = {settings[name]}" for name in names)


def _settings(client: Elasticsearch, index: str) -> dict[str, str]:
    return dict(client.indices.get_settings(index=index, flat_settings=True)[index]["settings"])


def _put(client: Elasticsearch, name: str, setting: str, value: str) -> bool:
    try:
        client.indices.put_settings(index=name, settings={setting: value})
    except BadRequestError:  # not a dynamic setting
        return False
    log.info("%s: %s = %s carried over from the live index", name, setting, value)
    return True
