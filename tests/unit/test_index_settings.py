"""Settings of the index build: what is taken, and what is refused in which words."""

from dataclasses import Field, fields
from typing import Any

import pytest

from sync_jobs.errors import BadArgument
from sync_jobs.search.settings import IndexSettings


def test_without_values_the_settings_are_the_defaults() -> None:
    assert IndexSettings.from_mapping({}) == IndexSettings()


def test_a_given_value_replaces_its_default() -> None:
    settings = IndexSettings.from_mapping({"senders": 2, "settle_seconds": 5, "replicas": "0-all"})
    assert (settings.senders, settings.settle_seconds, settings.replicas) == (2, 5, "0-all")
    assert settings.shards == IndexSettings().shards


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sender": 2}, "unknown setting 'sender'; expected one of shards, replicas, "),
        ({"senders": 0}, "senders: expected a whole number from 1 to 100, got 0"),
        ({"senders": 2.5}, "expected a whole number from 1 to 100, got 2.5"),
        ({"senders": True}, "expected a whole number from 1 to 100, got True"),
        ({"senders": "3"}, "expected a whole number from 1 to 100, got '3'"),
        ({"body_bytes": 10}, "expected a whole number from 1000 to 100000000, got 10"),
        ({"settle_seconds": -1}, "expected a number from 0 to 3600, got -1"),
        ({"replicas": 1}, "expected text such as '0-1' or '0-all', smaller first, got 1"),
        ({"settle_seconds": 1e12}, "expected a number from 0 to 3600, got 1000000000000.0"),
        ({"settle_seconds": float("inf")}, "expected a number from 0 to 3600, got inf"),
        ({"settle_seconds": float("nan")}, "expected a number from 0 to 3600, got nan"),
        ({"shards": 2_000}, "expected a whole number from 1 to 1024, got 2000"),
        ({"sample_keys": 65_537}, "expected a whole number from 0 to 65536, got 65537"),
        ({"refresh_keys": 65_537}, "expected a whole number from 1 to 65536, got 65537"),
    ],
)
def test_an_unknown_name_or_an_invalid_value_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        IndexSettings.from_mapping(values)


@pytest.mark.parametrize("replicas", ["banana", "", "5-1", "1", "0-", "-1", "0-1 ", "0-some", "all", "1-1000000000000"])
def test_replicas_that_elasticsearch_would_refuse_after_the_load_are_refused(replicas: str) -> None:
    with pytest.raises(BadArgument, match="replicas: expected text such as '0-1' or '0-all', smaller first, got"):
        IndexSettings.from_mapping({"replicas": replicas})


@pytest.mark.parametrize("replicas", ["0-0", "0-1", "2-2", "1-all", "0-all"])
def test_replicas_may_be_any_range_that_elasticsearch_takes(replicas: str) -> None:
    assert IndexSettings.from_mapping({"replicas": replicas}).replicas == replicas


@pytest.mark.parametrize("setting", fields(IndexSettings), ids=lambda setting: setting.name)
def test_every_default_is_valid(setting: "Field[Any]") -> None:
    assert IndexSettings.from_mapping({setting.name: setting.default}) == IndexSettings()
