"""The local Elasticsearch is tuned by the size of its data."""

from pathlib import Path

import pytest

from local.elasticsearch import QUICK_BYTES, QUICK_PERSONS, Elasticsearch


@pytest.fixture
def node(tmp_path: Path) -> Elasticsearch:
    return Elasticsearch(tmp_path / "elasticsearch", tmp_path / "log", 9200)


def test_a_node_for_few_persons_is_tuned_for_a_quick_start(node: Elasticsearch) -> None:
    assert node.tuned(QUICK_PERSONS).quick


def test_a_node_for_many_persons_is_tuned_for_large_indexes(node: Elasticsearch) -> None:
    assert not node.tuned(QUICK_PERSONS + 1).quick


def test_a_node_that_holds_much_data_is_tuned_for_large_indexes(node: Elasticsearch) -> None:
    (node.home / "data").mkdir(parents=True)
    with (node.home / "data" / "segment").open("wb") as file:
        file.truncate(QUICK_BYTES + 1)
    assert not node.tuned(20_000).quick
