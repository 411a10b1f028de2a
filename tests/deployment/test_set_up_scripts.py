"""The script that sets up the PostgreSQL of the profile embedded-servers, on a real one."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.ports import any_free_port
from local.postgres import ADMINISTRATOR, BINARIES, Postgres
from tests.conftest import running_server
from tests.deployment.compose_file import ROOT, environment_of, write_secrets

VARIABLES = {
    name: f"{name}0123456789".replace("_", "")
    for name in (
        "AIRFLOW_POSTGRES_PASSWORD",
        "TCS_POSTGRES_PASSWORD",
        "SYNC_POSTGRES_PASSWORD",
    )
}


def sql_folder(folder: Path) -> Path:
    """As the volumes of the service make it."""
    made = folder / "sql"
    made.mkdir()
    (made / "application_tables.sql").symlink_to(ROOT / "local" / "sql" / "application_tables.sql")
    (made / "setup").symlink_to(ROOT / "include" / "sql" / "setup")
    return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """As a new container has it: no roles and no databases."""
    passwords = {ADMINISTRATOR: "administrator", "tcs": VARIABLES["TCS_POSTGRES_PASSWORD"]}
    server = Postgres(tmp_path / "data", tmp_path / "log", any_free_port(), passwords, throwaway=True)
    server.initialise()
    with running_server(server):
        yield server


@pytest.fixture
def environment(server: Postgres, tmp_path: Path) -> dict[str, str]:
    """Of postgres-init."""
    variables = VARIABLES | {"POSTGRES_PASSWORD": server.passwords[ADMINISTRATOR]}
    write_secrets(tmp_path / "secrets", "postgres-init", variables)
    (tmp_path / "state").mkdir()
    folders = {"/run/secrets": tmp_path / "secrets", "/sql": sql_folder(tmp_path), "/state": tmp_path / "state"}
    return {
        **environment_of("postgres-init", variables, folders),
        "PATH": f"{BINARIES}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
    }


def set_up(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    script = ROOT / "deploy" / "set_up_postgres.sh"
    return subprocess.run(["bash", script], env=environment, capture_output=True, text=True, check=False)


def test_postgresql_can_be_set_up_again_and_again(server: Postgres, environment: dict[str, str]) -> None:
    for _ in range(2):
        done = set_up(environment)
        assert done.returncode == 0, done.stderr
        assert "are in place" in done.stdout
    password = VARIABLES["SYNC_POSTGRES_PASSWORD"]
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user="sync_jobs", password=password, dbname="tcs"
    ) as connection:
        assert connection.execute("SELECT count(*) FROM person_owner").fetchone() == (0,)


def test_postgresql_is_not_set_up_where_its_database_was_lost(server: Postgres, environment: dict[str, str]) -> None:
    """As after a major upgrade, whose image starts with a new data folder."""
    assert set_up(environment).returncode == 0
    with psycopg.connect(server.dsn(ADMINISTRATOR, "postgres"), autocommit=True) as administrator:
        administrator.execute("ALTER DATABASE tcs RENAME TO tcs_lost")
        done = set_up(environment)
        assert done.returncode == 1
        assert "was set up before, and is empty now. Nothing was created." in done.stderr
        assert administrator.execute("SELECT FROM pg_database WHERE datname = 'tcs'").fetchone() is None


def test_a_postgresql_that_does_not_answer_is_not_called_empty(environment: dict[str, str]) -> None:
    assert set_up(environment).returncode == 0
    done = set_up(environment | {"PGPORT": str(any_free_port())})
    assert (done.returncode, done.stdout) == (1, "")
    assert "Connection refused" in done.stderr
    assert "empty" not in done.stderr


def test_a_missing_password_is_named(environment: dict[str, str]) -> None:
    Path(environment["SYNC_POSTGRES_PASSWORD_FILE"]).write_text("", encoding="utf-8")
    done = set_up(environment)
    assert done.returncode == 1
    assert ".env.example" in done.stderr
