"""An index template may add to a new index: harmful additions are removed or stop the build, and name the template."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.search import bulk, index_alias
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS
from tests.awkward_data import Connection
from tests.comparison import RunJob, all_indices, indices_behind_alias
from tests.integration.test_index_build import add_persons, count

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
TEMPLATE = "everything-about-persons"


class Template:
    """The index template of the test, as an operator might have made it."""

    def __init__(self, client: Elasticsearch) -> None:
        self.client = client

    def put(self, **template: Any) -> None:
        self.client.indices.put_index_template(name=TEMPLATE, index_patterns=["persons-*"], template=template)


@pytest.fixture
def template(elasticsearch: Elasticsearch) -> Iterator[Template]:
    yield Template(elasticsearch)
    elasticsearch.options(ignore_status=404).indices.delete_index_template(name=TEMPLATE)


@pytest.mark.parametrize("built_before", [True, False])
def test_an_alias_added_by_a_template_is_removed_before_the_load_and_the_template_is_named(
    tcs: Connection,
    run: RunJob,
    elasticsearch: Elasticsearch,
    template: Template,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    built_before: bool,
) -> None:
    add_persons(tcs, range(1, 4))
    behind = [run(JOB, RUN_DATE).indices["live"]] if built_before else [[]]
    template.put(aliases={ALIAS: {}, "persons-search": {}})
    original = bulk.load
    seen: list[Any] = []

    def load(*arguments: Any, **keywords: Any) -> int:
        seen.append(sorted(elasticsearch.options(ignore_status=404).indices.get_alias(name=f"{ALIAS}*").body))
        return original(*arguments, **keywords)

    monkeypatch.setattr(bulk, "load", load)
    live = run(JOB, RUN_DATE).indices["live"]
    assert seen[:1] == behind
    assert indices_behind_alias(elasticsearch) == live
    assert count(elasticsearch) == 3
    (warning,) = [line for line in caplog.messages if "remove the alias from the template" in line]
    assert f"index template {TEMPLATE} put the new, empty index behind persons, persons-search" in warning


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"mappings": {"_source": {"enabled": False}}}, "mapping _source"),
        ({"mappings": {"_routing": {"required": True}}}, "mapping _routing"),
        ({"settings": {"final_pipeline": "other"}}, "setting index.final_pipeline"),
        ({"settings": {"index.mapping.source.mode": "disabled"}}, "setting index.mapping.source.mode"),
        (
            {
                "settings": {"index.sort.field": "personId"},
                "mappings": {"properties": {"personId": {"type": "long"}}},
            },
            "setting index.sort.field",
        ),
        (
            {"settings": {"index.analysis.analyzer.default": {"type": "standard", "max_token_length": 2}}},
            "setting index.analysis.analyzer.default.max_token_length",
        ),
        ({"settings": {"index.blocks.write": True}}, "setting index.blocks.write"),
        ({"settings": {"index.mode": "logsdb"}}, "setting index.mode"),
        ({"mappings": {"runtime": {"surname": {"type": "long"}}}}, "mapping runtime.surname"),
    ],
)
def test_a_harmful_template_stops_the_build_and_is_named(
    run: RunJob, elasticsearch: Elasticsearch, template: Template, change: dict[str, Any], named: str
) -> None:
    live = run(JOB, RUN_DATE).indices["live"]
    template.put(aliases={ALIAS: {}}, **change)
    with pytest.raises(IndexNotAsExpected, match=rf"index template {TEMPLATE} changes .*: {named}\. .*not touched"):
        run(JOB, RUN_DATE)
    assert all_indices(elasticsearch) == indices_behind_alias(elasticsearch) == live


def test_a_build_accepts_a_harmless_template(run: RunJob, elasticsearch: Elasticsearch, template: Template) -> None:
    template.put(
        settings={
            "codec": "best_compression",
            "index.blocks.write": False,
            "final_pipeline": "_none",
            "index.mode": "standard",
        },
        mappings={
            "properties": {"surname": {"type": "text"}, "nickname": {"type": "keyword"}},
            "runtime": {"initials": {"type": "keyword"}},
        },
    )
    assert run(JOB, RUN_DATE).indices["live"] == indices_behind_alias(elasticsearch)


@pytest.mark.parametrize("built_before", [True, False])
def test_a_build_replaces_an_unfinished_index_that_a_template_put_behind_the_alias(
    tcs: Connection,
    run: RunJob,
    elasticsearch: Elasticsearch,
    template: Template,
    monkeypatch: pytest.MonkeyPatch,
    built_before: bool,
) -> None:
    add_persons(tcs, range(1, 4))
    if built_before:
        run(JOB, RUN_DATE)
    template.put(aliases={ALIAS: {}})
    with monkeypatch.context() as patch:
        patch.setattr(index_alias, "check_created", lambda *_: None)
        left = "persons-20260101t000000-000000"
        index_alias.create(elasticsearch, left, {}, {"alias": ALIAS}, IndexSettings())
    assert left in indices_behind_alias(elasticsearch)
    live = run(JOB, RUN_DATE).indices["live"]
    assert indices_behind_alias(elasticsearch) == live
    assert count(elasticsearch) == 3
    run(JOB, RUN_DATE)
    assert left not in all_indices(elasticsearch)


def test_a_failed_build_removes_its_index_even_from_behind_the_alias(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_persons(tcs, range(1, 4))
    live = run(JOB, RUN_DATE).indices["live"]
    original = index_alias.make_searchable

    def make_searchable(client: Elasticsearch, name: str, settings: Any) -> None:
        original(client, name, settings)
        client.indices.put_alias(index=name, name=ALIAS)

    monkeypatch.setattr(index_alias, "make_searchable", make_searchable)
    with pytest.raises(IndexNotAsExpected, match="Expected exactly one index behind alias"):
        run(JOB, RUN_DATE)
    assert all_indices(elasticsearch) == indices_behind_alias(elasticsearch) == live
