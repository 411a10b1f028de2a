"""PostgreSQL and Elasticsearch for the tests: started when the first test needs them, stopped with the session.

Each test gets a new database with all tables, indexes and rights, and an Elasticsearch without indices.
"""

import gc
import logging
import os
import random
import secrets
import shutil
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from elasticsearch import Elasticsearch
from psycopg import sql

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.environment import bypass_proxies, drop_postgresql_settings
from local.home import Home
from local.ports import any_free_port
from local.processes import owner_variable, stop
from tests.command_line import ROOT, CommandLine
from tests.random_seed import VARIABLE, how_to_repeat, random_numbers_of, session_seed
from tests.watcher import watch_this_process

# Python looks for garbage each time that it has so many more objects. With its default of 700 it looks thousands of
# times while the tests import Airflow, and finds none.
gc.set_threshold(100_000)

TEMPLATE = "tcs"

# Where Linux has a file system in memory, and how much of it must be free. Most tests need a fraction of that, but
# tests/integration/test_plans.py loads 50,000 persons.
MEMORY = Path("/dev/shm")  # noqa: S108
MEMORY_BYTES = 2_000_000_000
MEMORY_PREFIX = "sync-tests-"


def pytest_configure() -> None:
    """Stop the servers when the tests are interrupted, and choose the seed before parallel workers start.

    The user's settings for proxies and PostgreSQL have no effect.

    A shell lets what it starts in the background ignore a Ctrl-C, and so would all that a test starts from there. A
    watcher stops the servers if this process is killed.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    drop_postgresql_settings()
    bypass_proxies()
    # With Airflow's settings it formats a line for each request.
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    session_seed()
    watch_this_process()


def pytest_unconfigure() -> None:
    """pytest would look for garbage five times, which takes each process of the tests many seconds."""
    gc.freeze()


def pytest_report_header() -> str:
    return f"random seed: {session_seed()} (repeat its data with {VARIABLE}={session_seed()})"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure says how to repeat it with the same random data."""
    report = yield
    if report.failed:
        report.sections.append(("Repeat this test with the same random data", how_to_repeat(item.nodeid)))
    return report


@pytest.fixture
def random_numbers(request: pytest.FixtureRequest) -> random.Random:
    """The test's own source of random numbers, which the seed of the session determines."""
    return random_numbers_of(request.node.nodeid)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_postgres.Postgres]:
    """A server with the roles of the local stack, and a database tcs with all tables, which are empty."""
    folder = tmp_path_factory.mktemp("postgres")
    passwords = {role: secrets.token_urlsafe(16) for role in (local_postgres.ADMINISTRATOR, *local_postgres.ROLES)}
    with folder_in_memory(folder) as home:
        server = local_postgres.Postgres(
            home / "data", folder / "postgres.log", any_free_port(), passwords, throwaway=True
        )
        server.initialise()
        with running_server(server):
            server.create_databases()
            local_postgres.create_tables(server.dsn("tcs", TEMPLATE))
            yield server


@pytest.fixture(scope="session")
def elasticsearch_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_elasticsearch.Elasticsearch]:
    folder: Path = tmp_path_factory.mktemp("elasticsearch")
    with folder_in_memory(folder) as home:
        server = local_elasticsearch.Elasticsearch(home, folder / "elasticsearch.log", any_free_port())
        with running_server(server):
            yield server


@contextmanager
def running_server(server: local_postgres.Postgres | local_elasticsearch.Elasticsearch) -> Iterator[None]:
    """Start a server; stop it at the end of the block."""
    service = server.start(server.service())
    try:
        server.wait_until_ready(service)
        yield
    finally:
        stop([service])


@contextmanager
def folder_in_memory(otherwise: Path) -> Iterator[Path]:
    """A folder in memory if there is room for it, or else the given folder. They have the same name.

    The servers wait for the disk when they create or delete an index or a database, which most tests do.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_BYTES:
        yield otherwise
        return
    for left_over in MEMORY.glob(f"{MEMORY_PREFIX}*"):  # by tests that were killed
        if not psutil.pid_exists(int(left_over.name.removeprefix(MEMORY_PREFIX).partition("-")[0])):
            shutil.rmtree(left_over, ignore_errors=True)
    folder = MEMORY / f"{MEMORY_PREFIX}{os.getpid()}-{otherwise.name}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_database(server: local_postgres.Postgres, owner: str, template: str | None = None) -> Iterator[str]:
    """Create a database and return its name; drop it at the end, even if somebody is connected."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.dsn(local_postgres.ADMINISTRATOR, "postgres"), autocommit=True) as administrator:
        if template:
            copy_database(administrator, template, name, owner)
            if owner == "tcs":
                local_postgres.grant_rights(server.dsn(owner, name))
        else:
            local_postgres.create_database(administrator, name, owner)
        yield name
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def copy_database(administrator: psycopg.Connection[Any], template: str, name: str, owner: str) -> None:
    """Copy the files of a database in the kernel: five times as fast as copying its pages into the write-ahead log.

    Nobody may be connected to the template.
    """
    administrator.execute("SET file_copy_method = clone")
    statement = "CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy"
    names = map(sql.Identifier, (name, owner, template))
    administrator.execute(sql.SQL(statement).format(*names))
    administrator.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


@pytest.fixture
def database(postgres_server: local_postgres.Postgres) -> Iterator[str]:
    """Name of a new database with all tables, indexes and rights."""
    with new_database(postgres_server, "tcs", TEMPLATE) as name:
        yield name


@pytest.fixture
def tcs_dsn(postgres_server: local_postgres.Postgres, database: str) -> str:
    """For the role of the application, which owns the tables."""
    return postgres_server.dsn("tcs", database)


@pytest.fixture
def job_dsn(postgres_server: local_postgres.Postgres, database: str) -> str:
    """For the role of the jobs."""
    return postgres_server.dsn("sync_jobs", database)


@pytest.fixture
def tcs(tcs_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """The application's connection, in autocommit."""
    with psycopg.connect(tcs_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def job_connection(job_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A job's connection to the same database, in autocommit."""
    with psycopg.connect(job_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def elasticsearch_client(elasticsearch_server: local_elasticsearch.Elasticsearch) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_server.url, request_timeout=60) as client:
        yield client


@pytest.fixture
def elasticsearch(elasticsearch_client: Elasticsearch) -> Elasticsearch:
    """A client of a node that has no index."""
    delete_indices(elasticsearch_client)
    return elasticsearch_client


def delete_indices(client: Elasticsearch) -> None:
    """Delete all indices."""
    indices = list(client.indices.get(index="*", expand_wildcards="all"))
    if indices:
        client.indices.delete(index=indices)


@pytest.fixture
def command_line(tmp_path: Path) -> Iterator[CommandLine]:
    """The local stack with a home and ports of its own; everything that the test leaves running is stopped."""
    ports = ("SYNC_POSTGRES_PORT", "SYNC_ELASTICSEARCH_PORT", "SYNC_AIRFLOW_PORT")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "SYNC_"))}
    environment |= owner_variable() | {name: str(any_free_port()) for name in ports}
    environment |= {"SYNC_HOME": str(tmp_path / "home"), "SYNC_DEMO_PERSONS": "300"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "plugins"), str(ROOT)])
    command_line = CommandLine(Home(tmp_path / "home"), environment, {})
    yield command_line
    command_line.look()
    stop(list(command_line.seen.values()), patience=5)
