"""Documents of one definition are not written to an index that another definition built."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from sync_jobs.catalogue import find_job
from sync_jobs.errors import BadArgument, GuardRail, IndexNotAsExpected
from sync_jobs.guard_rail import Limits
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.report import Report
from sync_jobs.runner import run_job, run_rollback
from sync_jobs.search import edits_since_build, index_alias
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.refresh import DocumentRefresh
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, PERSON_IDS, Application
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, RunJob, indices_behind_alias

JOB = "PersonElasticSearchSyncJob"
STATUS_JOB = "PersonRecordStatusJob"
RUN_DATE = date(2026, 3, 10)
# A time that nothing else sleeps for; and the wait itself, which the fixtures replace.
SETTLING = IndexSettings(settle_seconds=7.25)
SETTLE = DocumentRefresh.settle

# Writes the forenames into the surname.
WRONG_SQL = {
    "documents": ("json_scalar(contact_details.surname)", "json_scalar(contact_details.forenames)"),
    "plain_documents": ("'surname', contact_details.surname", "'surname', contact_details.forenames"),
}


def a_definition(
    folder: Path, sql: dict[str, tuple[str, str]], fields: dict[str, Any] | None = None
) -> IndexDefinition:
    """The definition of persons, with something else in its SQL and other fields in its mapping."""
    shutil.copytree(PERSONS.query("documents").parent, folder)
    for name, (old, new) in sql.items():
        path = folder / f"{name}.sql"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    mapping = PERSONS.mapping | {"properties": PERSONS.properties | (fields or {})}
    (folder / "mapping.json").write_text(json.dumps(mapping), encoding="utf-8")
    return replace(PERSONS, sql_folder=folder, mapping_file=folder / "mapping.json")


@pytest.fixture
def wrong(tmp_path: Path) -> IndexDefinition:
    """A release with wrong SQL, which its own verification shares."""
    return a_definition(tmp_path / "wrong", WRONG_SQL)


@pytest.fixture
def build(job_connection: Connection, elasticsearch: Elasticsearch) -> Callable[[IndexDefinition], str]:
    def build(definition: IndexDefinition) -> str:
        job = replace(find_job(JOB), builds_index=definition)
        report = run_job(
            job, postgres=job_connection, elasticsearch=elasticsearch, run_date=RUN_DATE, settings=SETTINGS
        )
        return report.indices["live"][0]

    return build


@pytest.fixture
def roll(job_connection: Connection, elasticsearch: Elasticsearch) -> Callable[..., Report]:
    def roll(definition: IndexDefinition, settings: IndexSettings = SETTINGS, **arguments: Any) -> Report:
        return run_rollback(
            definition, postgres=job_connection, elasticsearch=elasticsearch, settings=settings, **arguments
        )

    return roll


def surnames(client: Elasticsearch, index: str = ALIAS) -> dict[int, list[str]]:
    client.indices.refresh(index=index)
    found: dict[int, list[str]] = {}
    for hit in client.search(index=index, size=1_000)["hits"]["hits"]:
        found.setdefault(hit["_source"]["personId"], []).append(hit["_source"]["surname"])
    return {person: sorted(names) for person, names in found.items()}


def change_meta(client: Elasticsearch, index: str, **changes: str | None) -> None:
    """Change entries in the _meta of an index. None removes an entry."""
    meta = index_alias.own_indices(client, ALIAS)[index] | changes
    client.indices.put_mapping(index=index, meta={name: value for name, value in meta.items() if value is not None})


def test_the_version_of_a_definition_is_that_of_its_sql_and_its_mapping(tmp_path: Path) -> None:
    same = a_definition(tmp_path / "same", {"documents": ("-- Index", "-- The index"), "totals": ("Job 6", "The job")})
    other_sql = a_definition(tmp_path / "sql", WRONG_SQL)
    other_mapping = a_definition(tmp_path / "mapping", {}, {"nickname": {"type": "keyword"}})
    assert same.version == PERSONS.version
    assert len({PERSONS.version, other_sql.version, other_mapping.version}) == 3


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_rollback_leaves_good_documents_of_another_definition_as_built(
    application: Application, build: Any, roll: Any, wrong: IndexDefinition, elasticsearch: Elasticsearch, dry_run: bool
) -> None:
    good = build(PERSONS)
    before = surnames(elasticsearch)
    bad = build(wrong)
    application.edit(4, "Edited")
    application.edit(100, "New")
    application.remove(5)
    report = roll(wrong, dry_run=dry_run)
    assert surnames(elasticsearch, good) == before
    assert indices_behind_alias(elasticsearch) == [bad if dry_run else good]
    assert (report.read, report.added, report.changed, report.removed) == (len(PERSON_IDS), 0, 0, 0)
    assert (report.unchanged, report.refreshed) == (0, 0)
    assert report.warning == (
        f"{good} was built by another definition (SQL or mapping) than the running one. Its documents stay as built: "
        "until the next build, search shows old values of what was edited since then, and what was removed since then. "
        "Edited since: 2 persons."
    )
    assert report.summary().endswith(report.warning)


def test_edited_writes_only_persons_edited_since_the_build(
    application: Application, build: Any, roll: Any, wrong: IndexDefinition, elasticsearch: Elasticsearch
) -> None:
    good = build(PERSONS)
    before = surnames(elasticsearch)
    build(wrong)
    application.edit(4, "Edited")
    application.edit(100, "New")
    application.remove(5)
    for table in ("person", "contact_details"):
        application.postgres.execute(f"VACUUM (FREEZE) {table}")
    foreseen = roll(wrong, dry_run=True, documents="edited")
    report = roll(wrong, documents="edited")
    assert indices_behind_alias(elasticsearch) == [good]
    wanted = before | {4: ["Zoë"], 100: ["Zoë"]}  # by the wrong SQL, as the operator was told
    del wanted[5]
    assert surnames(elasticsearch) == wanted
    for each in (foreseen, report):
        assert (each.read, each.added, each.changed, each.removed) == (len(PERSON_IDS), 1, 1, 1)
        assert each.unchanged == 0
        assert (
            "Only documents of persons edited since its build (2), or no longer in PostgreSQL (1), are" in each.warning
        )


def test_a_rollback_to_the_running_definition_brings_everything_up_to_date(
    application: Application, build: Any, roll: Any, wrong: IndexDefinition, elasticsearch: Elasticsearch
) -> None:
    """Also forward again, after a rollback to another one."""
    build(PERSONS)
    build(wrong)
    application.edit(4, "Edited")
    application.postgres.execute("UPDATE contact_details SET surname = 'Late' WHERE id = 6")
    assert roll(wrong).warning
    assert not roll(wrong, direction="forward").warning
    report = roll(PERSONS)
    assert report.warning == ""
    assert report.changed > 0
    found = surnames(elasticsearch)
    assert (found[4], found[6]) == (["Edited"], ["Late"])


@pytest.mark.usefixtures("application")
def test_an_index_without_a_recorded_definition_is_left_as_built(
    build: Any, roll: Any, elasticsearch: Elasticsearch
) -> None:
    first = build(PERSONS)
    build(PERSONS)
    change_meta(elasticsearch, first, definition=None, source_timeline=None)
    with pytest.raises(IndexNotAsExpected, match=r"did not record its snapshot\. Roll back with"):
        roll(PERSONS, documents="edited")
    report = roll(PERSONS)
    assert report.warning.startswith(f"It is not known which definition (SQL and mapping) built {first}.")
    assert "is not known: its build did not record its snapshot" in report.warning


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    ("changes", "known", "reason"),
    [
        ({"source_timeline": "1/1"}, edits_since_build.KNOWN_TRANSACTIONS, "PostgreSQL was restored, or is another"),
        (
            {"source_snapshot": "9000000000:9000000000:"},
            edits_since_build.KNOWN_TRANSACTIONS,
            "PostgreSQL was restored",
        ),
        ({}, -1, "transactions have begun since, and PostgreSQL can compare"),
    ],
)
def test_edited_is_refused_if_it_cannot_be_known_who_was_edited(
    build: Any,
    roll: Any,
    wrong: IndexDefinition,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    *,
    changes: dict[str, str],
    known: int,
    reason: str,
) -> None:
    good = build(PERSONS)
    bad = build(wrong)
    change_meta(elasticsearch, good, **changes)
    monkeypatch.setattr(edits_since_build, "KNOWN_TRANSACTIONS", known)
    with pytest.raises(IndexNotAsExpected, match=rf"{reason}.* documents = as_built\. Nothing was written\.$"):
        roll(wrong, documents="edited")
    assert indices_behind_alias(elasticsearch) == [bad]
    assert reason in roll(wrong).warning


def test_an_unknown_choice_is_refused(roll: Any) -> None:
    with pytest.raises(BadArgument, match="documents: expected as_built or edited, got 'all'"):
        roll(PERSONS, documents="all")


def test_an_emptied_source_does_not_empty_an_index_of_another_definition(
    application: Application, build: Any, roll: Any, wrong: IndexDefinition, elasticsearch: Elasticsearch
) -> None:
    application.add(range(100, 250))
    good = build(PERSONS)
    bad = build(wrong)
    application.postgres.execute("DELETE FROM contact_details")
    for dry_run in (True, False):
        with pytest.raises(GuardRail, match=r"would remove 210 of 210.* Nothing was written\.$"):
            roll(wrong, documents="edited", dry_run=dry_run)
    assert indices_behind_alias(elasticsearch) == [bad]
    assert roll(wrong).indices["live"] == [good]
    assert len(surnames(elasticsearch)) == 210


def test_an_update_of_everybody_since_the_build_is_no_reason_to_rewrite_every_document(
    application: Application, build: Any, roll: Any, wrong: IndexDefinition, elasticsearch: Elasticsearch
) -> None:
    """A release may also fill a new column: then everybody was edited since the build."""
    application.add(range(100, 250))
    good = build(PERSONS)
    before = surnames(elasticsearch)
    bad = build(wrong)
    application.postgres.execute("UPDATE contact_details SET known_as = surname")
    for dry_run in (True, False):
        with pytest.raises(GuardRail, match=r"would change 210 of 210.*= 100\. Nothing was written\.$"):
            roll(wrong, documents="edited", dry_run=dry_run)
    assert (indices_behind_alias(elasticsearch), surnames(elasticsearch, good)) == ([bad], before)
    assert roll(wrong, documents="edited", limits=Limits(maximum_changed_percent=100)).changed == 210


def test_an_index_that_has_lost_its_documents_is_no_target(
    application: Application, build: Any, roll: Any, wrong: IndexDefinition, elasticsearch: Elasticsearch
) -> None:
    application.add(range(100, 250))
    good = build(PERSONS)
    bad = build(wrong)
    for hit in list(scan(elasticsearch, index=good)):
        elasticsearch.delete(index=good, id=hit["_id"])
    with pytest.raises(GuardRail, match=f"index {good}: this run would put an index .* that has lost 210 of 210"):
        roll(wrong)
    assert indices_behind_alias(elasticsearch) == [bad]


def test_an_edited_person_is_found_in_an_index_of_an_older_mapping_by_its_own_fields_only(
    application: Application, build: Any, roll: Any, tmp_path: Path, elasticsearch: Elasticsearch
) -> None:
    """The mapping ignores fields that it does not name."""
    added = ("',\"surname\":'", '\',"nickname":"Zo"\' || \',"surname":\'')
    plain = ("'surname',", "'nickname', 'Zo', 'surname',")
    newer = a_definition(
        tmp_path / "newer", {"documents": added, "plain_documents": plain}, {"nickname": {"type": "keyword"}}
    )
    build(PERSONS)
    build(newer)
    application.postgres.execute("UPDATE contact_details SET surname = 'Edited' WHERE id = 4")
    assert elasticsearch.count(index=ALIAS, query={"term": {"nickname": "Zo"}})["count"] == len(PERSON_IDS)
    report = roll(newer, documents="edited")
    assert (report.changed, report.left_out) == (1, 0)
    assert surnames(elasticsearch)[4] == ["Edited"]
    assert elasticsearch.count(index=ALIAS, query={"term": {"nickname": "Zo"}})["count"] == 0


def test_an_edited_person_who_does_not_fit_the_older_mapping_keeps_the_old_document(
    application: Application, build: Any, roll: Any, tmp_path: Path, elasticsearch: Elasticsearch
) -> None:
    older = a_definition(tmp_path / "older", {}, {"gmcNumber": {"type": "long"}})
    build(older)
    build(PERSONS)
    application.postgres.execute("UPDATE contact_details SET surname = 'Edited' WHERE id IN (4, 6)")
    application.postgres.execute("INSERT INTO gmc_details (id, gmc_number) VALUES (4, 'C12')")
    report = roll(PERSONS, documents="edited")
    assert [(each["key"], each["field"], each["old_document"]) for each in report.left_out_records] == [
        (4, "gmcNumber", True)
    ]
    found = surnames(elasticsearch)
    assert (found[4], found[6]) == (["Adeyemi-Ng"], ["Edited"])


@pytest.mark.usefixtures("application")
def test_edited_is_refused_if_documents_cannot_be_found_by_their_key(
    build: Any, roll: Any, elasticsearch: Elasticsearch
) -> None:
    other = replace(PERSONS, key_field="intrepidId")
    build(PERSONS)
    bad = build(PERSONS)
    for index in index_alias.own_indices(elasticsearch, ALIAS):
        change_meta(elasticsearch, index, definition="another")
    with pytest.raises(IndexNotAsExpected, match=r"no field intrepidId of type long.* Nothing was written\.$"):
        roll(other, documents="edited")
    assert indices_behind_alias(elasticsearch) == [bad]


def test_a_write_of_the_application_around_the_swap_leaves_one_document_of_its_person(
    application: Application,
    build: Any,
    roll: Any,
    wrong: IndexDefinition,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has removed the old document from the previous index, and writes the new one to this index."""
    build(PERSONS)
    build(wrong)
    really_sleep = time.sleep

    def sleep(seconds: float) -> None:
        if seconds != SETTLING.settle_seconds:
            really_sleep(seconds)
        else:
            application.postgres.execute("UPDATE contact_details SET surname = 'Edited' WHERE id = 7")
            elasticsearch.index(index=ALIAS, document=application.documents([7])[0])

    monkeypatch.setattr(DocumentRefresh, "settle", SETTLE)
    monkeypatch.setattr(time, "sleep", sleep)
    roll(wrong, settings=SETTLING)
    assert surnames(elasticsearch) == {person: ["Adeyemi-Ng"] for person in PERSON_IDS} | {7: ["Edited"]}


@pytest.mark.usefixtures("application")
def test_job_8_writes_statuses_but_no_document_into_an_index_of_another_definition(
    tcs: Connection,
    job_connection: Connection,
    build: Any,
    run: RunJob,
    wrong: IndexDefinition,
    elasticsearch: Elasticsearch,
) -> None:
    index = build(PERSONS)
    tcs.execute("INSERT INTO programme_membership VALUES (gen_random_uuid(), 7, 1, 'X', '2025-01-01', '2026-03-09')")
    released = replace(find_job(STATUS_JOB), refreshes_index=wrong)

    def run_released(dry_run: bool) -> Report:
        return run_job(
            released,
            postgres=job_connection,
            elasticsearch=elasticsearch,
            run_date=RUN_DATE,
            settings=SETTINGS,
            dry_run=dry_run,
        )

    warning = (
        f"The live index {index} was built by another definition (SQL or mapping) than the running one, so no document "
        "is refreshed: search shows an old status of 1 person until PersonElasticSearchSyncJob has run."
    )
    for dry_run, changed in ((True, 1), (False, 1), (False, 0)):
        report = run_released(dry_run)
        assert (report.changed, report.refreshed, report.warning) == (changed, 0, warning)
    assert surnames(elasticsearch) == {person: ["Adeyemi-Ng"] for person in PERSON_IDS}
    assert tcs.execute("SELECT status FROM person WHERE id = 7").fetchall() == [("INACTIVE",)]

    report = run(STATUS_JOB, RUN_DATE)  # by the definition of the index
    assert (report.changed, report.refreshed, report.warning) == (0, 1, "")
    build(wrong)
    assert run_released(dry_run=False).warning == ""
