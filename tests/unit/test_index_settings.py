"""Settings of the index build: what is taken, and what is refused in which words."""

from typing import Any

import pytest

from sync_jobs.errors import BadArgument
from sync_jobs.index_settings import IndexSettings


def test_without_values_the_defaults_hold() -> None:
    assert IndexSettings.from_mapping({}) == IndexSettings()


def test_a_value_given_takes_the_place_of_its_default() -> None:
    settings = IndexSettings.from_mapping({"senders": 2, "settle_seconds": 5, "replicas": "0-all"})
    assert (settings.senders, settings.settle_seconds, settings.replicas) == (2, 5, "0-all")
    assert settings.shards == IndexSettings().shards


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sender": 2}, "expected some of shards, replicas, .*; got 'sender'"),
        ({"senders": 0}, "senders: expected a whole number from 1, got 0"),
        ({"senders": 2.5}, "expected a whole number from 1, got 2.5"),
        ({"senders": True}, "expected a whole number from 1, got True"),
        ({"senders": "3"}, "expected a whole number from 1, got '3'"),
        ({"body_bytes": 10}, "expected a whole number from 1000, got 10"),
        ({"settle_seconds": -1}, "expected a number from 0, got -1"),
        ({"replicas": 1}, "expected text such as '0-1', got 1"),
    ],
)
def test_a_name_or_a_value_that_cannot_be_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        IndexSettings.from_mapping(values)
