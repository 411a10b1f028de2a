"""What an operator set on the live index is still there after a build and after a rollback."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.errors import IndexNotAsExpected, SearchBlocked
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.report import Report
from sync_jobs.runner import run_rollback
from tests.application import ALIAS
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, RunJob, all_indices, indices_behind_alias
from tests.integration.test_index_build import add_persons

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
SET_BY_AN_OPERATOR = {
    "index.mapping.nested_objects.limit": "20000",
    "index.max_result_window": "20000",
    "index.refresh_interval": "3s",
    "index.search.slowlog.threshold.query.warn": "1s",
}


@pytest.fixture(params=["build", "rollback"])
def swap(
    request: pytest.FixtureRequest,
    tcs: Connection,
    job_connection: Connection,
    run: RunJob,
    elasticsearch: Elasticsearch,
) -> Callable[[], Report]:
    """Puts another index behind the alias, in one of the two ways. There are two indices before."""
    add_persons(tcs, range(1, 4))
    run(JOB, RUN_DATE)
    run(JOB, RUN_DATE)

    def swap() -> Report:
        if request.param == "build":
            return run(JOB, RUN_DATE)
        return run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, settings=SETTINGS)

    return swap


def name_of(report: Report) -> str:
    (name,) = report.indices["live"]
    return name


def settings_of(client: Elasticsearch, index: str) -> dict[str, str]:
    return dict(client.indices.get_settings(index=index, flat_settings=True)[index]["settings"])


def aliases_of(client: Elasticsearch, index: str) -> dict[str, Any]:
    return dict(client.indices.get_alias(index=index)[index]["aliases"])


def test_settings_that_an_operator_put_on_the_live_index_are_carried_over(
    swap: Callable[[], Report], elasticsearch: Elasticsearch
) -> None:
    (live,) = indices_behind_alias(elasticsearch)
    elasticsearch.indices.put_settings(index=live, settings=SET_BY_AN_OPERATOR)
    assert settings_of(elasticsearch, name_of(swap())).items() >= SET_BY_AN_OPERATOR.items()


def test_settings_that_cannot_be_carried_over_are_named(
    swap: Callable[[], Report], elasticsearch: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    (live,) = indices_behind_alias(elasticsearch)
    elasticsearch.indices.close(index=live)
    elasticsearch.indices.put_settings(index=live, settings={"index.codec": "best_compression"})
    elasticsearch.perform_request("POST", f"/{live}/_open")
    elasticsearch.cluster.health(index=live, wait_for_status="yellow")
    elasticsearch.indices.put_settings(index=live, settings={"index.blocks.write": True})
    report = swap()
    new = name_of(report)
    assert not {"index.codec", "index.blocks.write"} & settings_of(elasticsearch, new).keys()
    assert any("cannot be carried over: index.blocks.write, index.codec" in line for line in caplog.messages)
    assert "cannot be carried over: index.blocks.write, index.codec" in report.warning


def test_without_settings_of_an_operator_nothing_is_carried_over(
    swap: Callable[[], Report], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="sync_jobs")
    swap()
    assert not [line for line in caplog.messages if "carried over" in line]


def test_filter_and_routing_of_the_alias_and_other_aliases_move_with_it(
    swap: Callable[[], Report], elasticsearch: Elasticsearch
) -> None:
    (live,) = indices_behind_alias(elasticsearch)
    filtered = {"filter": {"term": {"personId": 1}}, "search_routing": "a", "is_hidden": True}
    elasticsearch.indices.update_aliases(
        actions=[
            {"add": {"index": live, "alias": ALIAS} | filtered},
            {"add": {"index": live, "alias": "persons-search", "filter": {"term": {"personId": 2}}}},
        ]
    )
    aliases = aliases_of(elasticsearch, live)
    assert aliases.keys() == {ALIAS, "persons-search"}
    new = name_of(swap())
    assert aliases_of(elasticsearch, new) == aliases
    assert aliases_of(elasticsearch, live) == {}
    assert elasticsearch.count(index="persons-search")["count"] == 1


def test_an_alias_that_refused_writes_accepts_them_again(
    swap: Callable[[], Report], elasticsearch: Elasticsearch
) -> None:
    (live,) = indices_behind_alias(elasticsearch)
    elasticsearch.indices.put_alias(index=live, name=ALIAS, is_write_index=False)
    report = swap()
    assert "is_write_index of the alias persons was false" in report.warning
    elasticsearch.index(index=ALIAS, document={"personId": 5})


@pytest.mark.parametrize("routing", [{"search_routing": "a"}, {"index_routing": "a"}])
def test_an_alias_with_a_routing_gets_no_index_of_several_shards(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, routing: dict[str, Any]
) -> None:
    """The documents of a build are spread over all shards, and with a routing readers see one of them."""
    add_persons(tcs, range(1, 40))
    (live,) = run(JOB, RUN_DATE).indices["live"]
    elasticsearch.indices.put_alias(index=live, name="persons-search", **routing)
    with pytest.raises(IndexNotAsExpected, match=r"persons-search has a routing.* has 3 shards\..*not touched\.$"):
        run(JOB, RUN_DATE, settings=replace(SETTINGS, shards=3))
    assert all_indices(elasticsearch) == indices_behind_alias(elasticsearch) == [live]
    run(JOB, RUN_DATE)


def test_other_aliases_of_a_plain_index_move_to_the_first_build(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    add_persons(tcs, range(1, 4))
    elasticsearch.indices.create(index=ALIAS, aliases={"persons-search": {}})
    (new,) = run(JOB, RUN_DATE).indices["live"]
    assert aliases_of(elasticsearch, new).keys() == {ALIAS, "persons-search"}


@pytest.mark.parametrize(
    "replicas",
    [{"index.auto_expand_replicas": "0-all"}, {"index.auto_expand_replicas": "false", "index.number_of_replicas": "2"}],
)
def test_replicas_that_an_operator_set_are_named_once_because_they_are_not_carried_over(
    swap: Callable[[], Report], elasticsearch: Elasticsearch, caplog: pytest.LogCaptureFixture, replicas: dict[str, str]
) -> None:
    (live,) = indices_behind_alias(elasticsearch)
    elasticsearch.indices.put_settings(index=live, settings=replicas)
    report = swap()
    assert settings_of(elasticsearch, name_of(report))["index.auto_expand_replicas"] == "0-1"
    (warning,) = [line for line in caplog.messages if "replicas" in line]
    *_, (setting, value) = replicas.items()
    assert f"the live index {live} has {setting} = {value}, and the new one index.auto_expand_replicas = 0-1" in warning
    assert warning in report.warning


def add_a_field(client: Elasticsearch, index: str) -> None:
    """What an operator may add: a field, another form of a field, a runtime field, and a changed parameter."""
    client.indices.put_mapping(
        index=index,
        properties={
            "nickname": {"type": "keyword"},
            "surname": {"type": "keyword", "ignore_above": 100, "fields": {"lower": {"type": "text"}}},
            "trusts": {"type": "nested", "properties": {"region": {"type": "keyword"}}},
        },
        runtime={"initials": {"type": "keyword"}},
    )


def test_fields_that_an_operator_added_to_the_live_index_are_named_once_because_they_are_not_carried_over(
    swap: Callable[[], Report], elasticsearch: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    (live,) = indices_behind_alias(elasticsearch)
    add_a_field(elasticsearch, live)
    report = swap()
    expected = (
        f"the mapping of the live index {live} has fields or parameters that the new one lacks: initials, nickname, "
        "surname.ignore_above, surname.lower, trusts.region. "
    )
    assert expected in report.warning
    assert [line for line in caplog.messages if expected in line]


def test_a_mapping_that_an_operator_left_alone_gives_no_warning(swap: Callable[[], Report]) -> None:
    assert swap().warning == ""


def test_after_a_release_only_fields_that_are_missing_are_named(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    add_persons(tcs, range(1, 4))
    (live,) = run(JOB, RUN_DATE).indices["live"]
    add_a_field(elasticsearch, live)
    meta = elasticsearch.indices.get_mapping(index=live)[live]["mappings"]["_meta"]
    elasticsearch.indices.put_mapping(index=live, meta=meta | {"definition": "of the last release"})
    assert "lacks: initials, nickname, surname.lower, trusts.region. " in run(JOB, RUN_DATE).warning


def test_a_swap_that_elasticsearch_refuses_has_moved_nothing(
    swap: Callable[[], Report], elasticsearch: Elasticsearch
) -> None:
    (live,) = indices_behind_alias(elasticsearch)
    elasticsearch.indices.put_settings(index=live, settings={"index.blocks.read_only": True})
    try:
        with pytest.raises(SearchBlocked, match=r"not touched|still live, and unchanged") as caught:
            swap()
    finally:
        elasticsearch.indices.put_settings(index=live, settings={"index.blocks.read_only": None})
    assert "Readers see" not in str(caught.value)
    assert indices_behind_alias(elasticsearch) == [live]
