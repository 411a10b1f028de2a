"""Proxies and settings of PostgreSQL in the user's shell have no effect on the local stack."""

import os
import subprocess
from pathlib import Path

import httpx
import psycopg
import pytest

from local import elasticsearch, jars
from local.airflow import Airflow
from local.airflow_api import AirflowApi
from local.environment import bypass_proxies, drop_postgresql_settings
from local.errors import StackError
from local.home import new_secrets
from local.http_client import CLIENT

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
POSTGRESQL = ("PGSSLMODE", "PGHOSTADDR", "PGSERVICE", "PGOPTIONS", "PGCHANNELBINDING", "PGPASSFILE", "PGSYSCONFDIR")
SOCKS = "socks5://127.0.0.1:9"


@pytest.fixture
def airflow(tmp_path: Path) -> Airflow:
    return Airflow(tmp_path, tmp_path / "logs", 8080, "postgresql://", new_secrets(), {})


@pytest.mark.parametrize("name", [*PROXIES, *POSTGRESQL])
def test_airflow_starts_without_proxies_and_settings_of_postgresql(
    monkeypatch: pytest.MonkeyPatch, airflow: Airflow, name: str
) -> None:
    monkeypatch.setenv(name, "another's")
    assert name not in airflow.environment()


@pytest.mark.parametrize(
    "name", [*PROXIES, *POSTGRESQL, "AIRFLOW_HOME", "_AIRFLOW_PROCESS_CONTEXT", "PYTHONHOME", "PYTHONPATH"]
)
def test_the_command_line_of_airflow_drops_them_too(airflow: Airflow, tmp_path: Path, name: str) -> None:
    command = tmp_path / "airflow"
    airflow.write_command(command)
    cut = command.read_text().replace("\nexec ", "\nenv; : ")
    environment = {"PATH": os.defpath, name: "another's", "KEPT": "kept"}
    done = subprocess.run(["sh", "-c", cut], env=environment, capture_output=True, text=True, check=True)
    assert "another's" not in done.stdout
    assert "KEPT=kept" in done.stdout.splitlines()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "all_proxy"])
def test_the_requests_of_the_local_stack_use_no_proxy(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, SOCKS)
    with AirflowApi("http://127.0.0.1:9", "admin", "") as api, pytest.raises(StackError, match="refused"):
        api.get("/dags")
    with pytest.raises(httpx.ConnectError):
        CLIENT.get("http://127.0.0.1:9")


def test_the_jars_are_downloaded_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert elasticsearch.environment()["HTTPS_PROXY"] == "http://proxy:3128"


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "ES_JAVA_OPTS", "PYTHONHOME"])
def test_elasticsearch_starts_without_settings_of_java_and_python(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "another's")
    assert name not in elasticsearch.environment()


def test_a_proxy_that_cannot_be_used_for_the_jars_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5://me:secret@proxy:1080")
    with pytest.raises(StackError, match="ALL_PROXY cannot be used") as error:
        jars.new_client()
    assert "secret" not in str(error.value)


def test_settings_of_postgresql_are_removed_from_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "there is none")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    with pytest.raises(psycopg.Error, match="there is none"):
        psycopg.connect("postgresql://127.0.0.1:9/tcs")
    drop_postgresql_settings()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect("postgresql://127.0.0.1:9/tcs")


def test_requests_to_this_machine_bypass_the_proxies_in_addition_to_those_that_did() -> None:
    environment = {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "one.example, two.example", "no_proxy": ""}
    bypass_proxies(environment)
    assert environment["HTTP_PROXY"] == "http://proxy:3128"
    assert environment["NO_PROXY"] == environment["no_proxy"] == "one.example, two.example,127.0.0.1,localhost"
