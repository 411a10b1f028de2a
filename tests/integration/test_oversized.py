"""A value that is too large for PostgreSQL fails a whole statement: the error names the persons who have it."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from psycopg.errors import ProgramLimitExceeded

from sync_jobs.catalogue import find_job
from sync_jobs.errors import RejectedDocument
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.runner import run_job
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.document_stream import document_lines
from sync_jobs.search.oversized import oversized_named
from sync_jobs.search.verification import plain_documents
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, all_indices

RUN_DATE = date(2026, 3, 10)
PERSONS_IN_TABLE = range(1, 2501)
HUGE = [2, 1000, 1001, 2500]


@pytest.fixture
def definition(tmp_path: Path) -> IndexDefinition:
    """Both queries make a text of 2 GB from the surname "huge": that costs nothing, PostgreSQL refuses to begin."""
    folder = tmp_path / "persons"
    shutil.copytree(PERSONS.query("documents").parent, folder)
    for name in ("documents", "plain_documents"):
        path = folder / f"{name}.sql"
        huge = "repeat(contact_details.surname, CASE contact_details.surname WHEN 'huge' THEN 2000000000 ELSE 1 END)"
        text = path.read_text().replace("contact_details.surname", huge, 1)
        assert huge in text
        path.write_text(text)
    return replace(PERSONS, sql_folder=folder)


@pytest.fixture
def persons(tcs: Connection, elasticsearch: Elasticsearch) -> Connection:
    Application(tcs, elasticsearch).add(PERSONS_IN_TABLE)
    tcs.execute("UPDATE contact_details SET surname = 'huge' WHERE id = any(%s)", (HUGE,))
    return tcs


def named(persons: list[int]) -> str:
    return f"PostgreSQL cannot make the documents of person{'s' if len(persons) > 1 else ''} " + ", ".join(
        map(str, persons)
    )


@pytest.mark.usefixtures("persons")
@pytest.mark.parametrize(("keys", "expected"), [(None, HUGE), ([1, 2, 3], [2]), ([999, 1000, 1001], [1000, 1001])])
def test_the_documents_of_a_build_name_the_persons(
    job_connection: Connection, definition: IndexDefinition, keys: list[int] | None, expected: list[int]
) -> None:
    with pytest.raises(RejectedDocument, match=f"^{named(expected)}: .*large"), job_connection.transaction():
        list(document_lines(definition, job_connection, RUN_DATE, keys))


@pytest.mark.usefixtures("persons")
def test_the_documents_of_the_verification_name_the_persons(
    job_connection: Connection, definition: IndexDefinition
) -> None:
    with pytest.raises(RejectedDocument, match=f"^{named([2])}: .*large"), job_connection.transaction():
        plain_documents(definition, job_connection, RUN_DATE, [1, 2, 3])


def test_no_more_than_twenty_persons_are_named(
    persons: Connection, job_connection: Connection, definition: IndexDefinition
) -> None:
    persons.execute("UPDATE contact_details SET surname = 'huge' WHERE id <= 100")
    with pytest.raises(RejectedDocument, match=f"{named(list(range(1, 21)))} and more: "):
        list(document_lines(definition, job_connection, RUN_DATE))


def test_a_value_that_is_too_large_fails_once_for_its_batch_and_once_for_its_person(job_connection: Connection) -> None:
    """Each failure can take PostgreSQL half a minute."""
    failed: list[int] = []

    def make(_: Connection, keys: list[int]) -> None:
        if 700 in keys:
            failed.append(len(keys))
            raise ProgramLimitExceeded

    with (
        pytest.raises(RejectedDocument, match=named([700])),
        oversized_named(PERSONS, job_connection, list(PERSONS_IN_TABLE), make),
    ):
        raise ProgramLimitExceeded
    assert failed == [1000, 1]


@pytest.mark.usefixtures("persons")
def test_a_build_stops_names_the_persons_and_leaves_no_index(
    job_connection: Connection, elasticsearch: Elasticsearch, definition: IndexDefinition
) -> None:
    job = replace(find_job("PersonElasticSearchSyncJob"), builds_index=definition)
    with pytest.raises(RejectedDocument, match=rf"^{named(HUGE)}: .*The live index was not touched\.$"):
        run_job(job, postgres=job_connection, elasticsearch=elasticsearch, run_date=RUN_DATE, settings=SETTINGS)
    assert all_indices(elasticsearch) == []
