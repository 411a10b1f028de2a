"""A second index in the same cluster, by a definition and SQL files alone. Neither index ever touches the other's."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from elasticsearch import Elasticsearch

from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.report import Report
from sync_jobs.runner import run_job, run_rollback
from sync_jobs.search import bulk, index_alias
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.edits import Edits
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, RunJob, all_indices
from tests.second_index.catalogue import FOLDER, job_that_builds, posts_definition

PERSONS_JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
NEW_NUMBER = "(post.national_post_number || ' by the new definition')"

Result = TypeVar("Result")


@pytest.fixture(params=["posts", "persons-posts"])
def posts(request: pytest.FixtureRequest) -> IndexDefinition:
    """The index of posts; once with an alias that begins like the other index's."""
    return posts_definition(request.param)


class PostsIndex:
    """Builds the index and rolls it back, as the jobs do theirs."""

    def __init__(self, definition: IndexDefinition, postgres: Connection, client: Elasticsearch) -> None:
        self.definition, self.postgres, self.client = definition, postgres, client
        self.job = job_that_builds(definition)

    def build(self, **arguments: Any) -> Report:
        return run_job(
            self.job,
            postgres=self.postgres,
            elasticsearch=self.client,
            run_date=RUN_DATE,
            settings=SETTINGS,
            **arguments,
        )

    def roll_back(self, **arguments: Any) -> Report:
        return run_rollback(
            self.definition, postgres=self.postgres, elasticsearch=self.client, settings=SETTINGS, **arguments
        )

    def numbers(self) -> dict[int, str]:
        """What a search finds: national post number by post id."""
        self.client.indices.refresh(index=self.definition.alias)
        hits = self.client.search(index=self.definition.alias, size=1_000)["hits"]["hits"]
        return {hit["_source"]["postId"]: hit["_source"]["nationalPostNumber"] for hit in hits}

    def indices(self) -> set[str]:
        return set(index_alias.own_indices(self.client, self.definition.alias))


@pytest.fixture
def index(posts: IndexDefinition, tcs: Connection, job_dsn: str, elasticsearch: Elasticsearch) -> Iterator[PostsIndex]:
    """With 50 posts in PostgreSQL, each with a trust, and no index yet. It has a connection of its own."""
    tcs.execute("INSERT INTO post (id, national_post_number) SELECT id, 'N' || id FROM generate_series(1, 50) AS id")
    tcs.execute("INSERT INTO post_trust SELECT id, id + 100, 'EMPLOYING' FROM generate_series(1, 50) AS id")
    with psycopg.connect(job_dsn, autocommit=True) as connection:
        yield PostsIndex(posts, connection, elasticsearch)


def during_the_next_load(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Result]) -> list[Result]:
    """Do some work while the next build loads its documents. Returns a list that gets the result of that work."""
    load, results = bulk.load, list[Result]()

    def work_and_load(*arguments: Any, **keywords: Any) -> int:
        monkeypatch.setattr(bulk, "load", load)
        results.append(work())
        return load(*arguments, **keywords)

    monkeypatch.setattr(bulk, "load", work_and_load)
    return results


def test_it_is_built_and_verified_and_a_second_build_reports_no_change(index: PostsIndex) -> None:
    first, second = index.build(), index.build()
    assert (first.read, first.added) == (50, 50)
    assert (second.read, second.added, second.changed, second.removed, second.unchanged) == (50, 0, 0, 0, 50)
    assert index.numbers() == {post: f"N{post}" for post in range(1, 51)}


def test_a_document_that_is_not_as_in_postgresql_stops_the_build_and_names_the_post(
    index: PostsIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_searchable = index_alias.make_searchable

    def spoil(client: Elasticsearch, name: str, settings: Any) -> None:
        make_searchable(client, name, settings)
        hit = client.search(index=name, query={"term": {"postId": 7}})["hits"]["hits"][0]
        client.index(index=name, id=hit["_id"], document=hit["_source"] | {"status": "WRONG"}, refresh=True)

    monkeypatch.setattr(index_alias, "make_searchable", spoil)
    with pytest.raises(IndexNotAsExpected, match="post 7: fields status"):
        index.build()
    assert index.indices() == set()


def test_an_edit_during_the_build_is_caught_up(
    index: PostsIndex, tcs: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit() -> None:
        tcs.execute("UPDATE post SET national_post_number = 'edited' WHERE id = 3")
        tcs.execute("DELETE FROM post_trust WHERE post_id = 4")
        tcs.execute("DELETE FROM post WHERE id = 5")

    during_the_next_load(monkeypatch, edit)
    report = index.build()
    assert report.refreshed == 2
    assert index.numbers() == {post: f"N{post}" for post in range(1, 51) if post != 5} | {3: "edited"}


@pytest.mark.usefixtures("application")
def test_a_rollback_moves_its_alias_only(index: PostsIndex, run: RunJob, tcs: Connection) -> None:
    run(PERSONS_JOB, RUN_DATE)
    (live_persons,) = run(PERSONS_JOB, RUN_DATE).indices["live"]
    (first,) = index.build().indices["live"]
    (second,) = index.build().indices["live"]
    tcs.execute("UPDATE post SET national_post_number = 'edited' WHERE id = 3")
    report = index.roll_back()
    assert report.job == f"{index.definition.alias}_index_rollback"
    assert (report.indices["live"], report.indices["previous"], report.changed) == ([first], [second], 1)
    assert index.numbers()[3] == "edited"
    assert index_alias.find_live(index.client, "persons").name == live_persons
    assert index.roll_back(direction="forward").indices["live"] == [second]


@pytest.mark.parametrize(
    ("documents", "numbers"),
    [
        ("as_built", {3: "N3", 4: "N4", 5: "N5"}),
        ("edited", {3: "edited by the new definition", 4: "N4"}),
    ],
)
def test_a_rollback_to_another_definition_leaves_documents_as_built_or_writes_the_edited_ones(
    index: PostsIndex, tcs: Connection, tmp_path: Path, documents: str, numbers: dict[int, str]
) -> None:
    (first,) = index.build().indices["live"]
    folder = shutil.copytree(FOLDER / "posts", tmp_path / "posts")
    for name in ("documents", "plain_documents"):
        path = folder / f"{name}.sql"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("post.national_post_number", NEW_NUMBER), encoding="utf-8")
    index = PostsIndex(replace(index.definition, sql_folder=folder), index.postgres, index.client)
    index.build()
    assert index.numbers()[4] == "N4 by the new definition"
    tcs.execute("UPDATE post SET national_post_number = 'edited' WHERE id = 3")
    tcs.execute("DELETE FROM post WHERE id = 5")
    report = index.roll_back(documents=documents)
    assert report.indices["live"] == [first]
    assert "posts" in report.warning
    found = index.numbers()
    assert {post: found[post] for post in (3, 4, 5) if post in found} == numbers


def test_a_catch_up_checks_only_what_the_snapshot_has_not_seen(
    index: PostsIndex, tcs: Connection, tcs_dsn: str
) -> None:
    with psycopg.connect(tcs_dsn) as old:
        old.execute("INSERT INTO post (id) VALUES (99)")
        tcs.execute("UPDATE post SET national_post_number = 'before the snapshot'")
        with snapshot(index.postgres), Edits(index.definition, index.postgres) as edits:
            tcs.execute("UPDATE post SET national_post_number = 'after it' WHERE id = 3")
            with edits.later_snapshot():
                assert list(edits.edited_keys()) == [3]
            old.commit()
            with edits.later_snapshot():
                assert list(edits.edited_keys()) == [3, 99]


@pytest.mark.usefixtures("application")
def test_neither_index_counts_or_removes_an_index_of_the_other(index: PostsIndex, run: RunJob) -> None:
    kept = 1 + SETTINGS.retained_indices
    for _ in range(kept + 1):
        run(PERSONS_JOB, RUN_DATE)
        index.build()
    persons = set(index_alias.own_indices(index.client, "persons"))
    assert (len(persons), len(index.indices())) == (kept, kept)
    assert set(all_indices(index.client)) == persons | index.indices()


@pytest.mark.usefixtures("application")
def test_neither_build_removes_what_the_other_has_not_finished(
    index: PostsIndex, run: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each build runs while the other one loads."""
    persons = during_the_next_load(monkeypatch, lambda: run(PERSONS_JOB, RUN_DATE))
    reports = [index.build()]
    posts = during_the_next_load(monkeypatch, index.build)
    reports += [run(PERSONS_JOB, RUN_DATE), *persons, *posts]
    assert [report.indices["removed"] for report in reports] == [[], [], [], []]
    assert len(all_indices(index.client)) == 4
    assert index.numbers().keys() == set(range(1, 51))
