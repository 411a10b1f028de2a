"""The two servers of the local stack after a kill, and with damaged files."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from local import jars
from local.elasticsearch import Elasticsearch
from local.errors import ServiceFailed, StackError
from local.ports import HOST, any_free_port
from local.postgres import ADMINISTRATOR, ROLES, Postgres
from local.processes import Service, stop
from tests.conftest import running_server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def postgres(tmp_path: Path) -> Postgres:
    server = Postgres(tmp_path / "data", tmp_path / "log", any_free_port(), {ADMINISTRATOR: "secret"})
    server.initialise()
    return server


@pytest.fixture
def running(postgres: Postgres) -> Iterator[Service]:
    service = postgres.start(postgres.service())
    postgres.wait_until_ready(service)
    yield service
    stop([service], patience=10)


def test_a_killed_postgresql_starts_again_with_its_data(postgres: Postgres, running: Service) -> None:
    dsn = postgres.dsn(ADMINISTRATOR, "postgres")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    killed = psutil.Process(running.pid)
    killed.kill()
    killed.wait(10)  # the signal is only sent: for a moment longer, the server counts as running
    again = postgres.start(postgres.service())
    try:
        postgres.wait_until_ready(again)
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        stop([again], patience=10)


def test_postgresql_starts_though_its_lock_file_has_the_id_of_another_process(postgres: Postgres) -> None:
    """This happens after a reboot: PostgreSQL itself would take any running process of its user for a server."""
    (postgres.data / "postmaster.pid").write_text(f"{os.getppid()}\n{postgres.data}\n")
    service = postgres.start(postgres.service())
    try:
        postgres.wait_until_ready(service)
    finally:
        stop([service], patience=10)


def test_a_second_postgresql_on_the_same_data_is_refused(postgres: Postgres, running: Service) -> None:
    with pytest.raises(StackError, match=f"as process {running.pid}"):
        postgres.start(postgres.service())


@pytest.mark.parametrize("name", ["PostgreSQL", "Elasticsearch"])
def test_another_server_on_the_port_is_not_taken_for_the_own_one(tmp_path: Path, name: str) -> None:
    """Another stack chose the same free port, and was faster."""
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        if name == "PostgreSQL":
            postgres = Postgres(tmp_path / "data", tmp_path / "log", port, {ADMINISTRATOR: "secret"})
            postgres.initialise()
            service = postgres.start(postgres.service())
        else:
            elasticsearch = Elasticsearch(tmp_path / "home", tmp_path / "log", port)
            service = elasticsearch.start(elasticsearch.service())
        try:
            with pytest.raises(ServiceFailed, match=f"could not use port {port}, because another program has taken it"):
                service.wait_until(lambda: True, 60)
        finally:
            stop([service], patience=10)


def test_no_password_is_in_the_log_of_a_postgresql_that_logs_all_statements(tmp_path: Path) -> None:
    passwords = {role: f"password of {role}" for role in (ADMINISTRATOR, *ROLES)}
    server = Postgres(tmp_path / "data", tmp_path / "log", any_free_port(), passwords)
    server.initialise()
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write("log_statement = 'all'\n")
    with running_server(server):
        for _ in range(2):  # they are created, then altered
            server.create_databases()
        for role in ROLES:
            psycopg.connect(server.dsn(role, "tcs" if role == "tcs" else "postgres")).close()
    log = server.log.read_text()
    assert "CREATE ROLE" in log
    assert "ALTER ROLE" in log
    assert "password of" not in log


def test_an_unfinished_data_folder_is_created_again(postgres: Postgres) -> None:
    shutil.move(postgres.data, postgres.data.with_name("data.unfinished"))
    postgres.initialise()
    assert (postgres.data / "PG_VERSION").read_text() == "18\n"
    assert not postgres.data.with_name("data.unfinished").exists()


def test_elasticsearch_keeps_its_data_in_a_folder_with_any_name_in_the_locale_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    home = tmp_path / "Zoë, 'old' 100%"
    with running_server(Elasticsearch(home, tmp_path / "log", any_free_port(), heap="256m")):
        assert (home / "data" / "_state").is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {home.name, "log"}


def test_a_jar_with_another_checksum_stops_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "jars"
    folder.mkdir()
    for jar in jars.install():
        (folder / jar.name).symlink_to(jar)
    tampered = folder / f"elasticsearch-{jars.VERSION}.jar"
    tampered.unlink()
    tampered.write_bytes(b"not a jar")
    service = Service("Elasticsearch", tmp_path / "log").start(
        [
            *(sys.executable, "-m", "local.elasticsearch_node", "--home", str(tmp_path), "--jars", str(folder)),
            *("--port", str(any_free_port())),
        ],
        {**os.environ, "PYTHONPATH": str(ROOT)},
        tmp_path,
    )
    with pytest.raises(ServiceFailed) as failure:
        service.wait_until(lambda: False, seconds=60)
    assert f"{tampered.name} is not the jar that elasticsearch.lock.toml names" in str(failure.value)
    assert str(tampered) in str(failure.value)
