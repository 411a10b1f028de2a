"""Airflow as docker-compose.yaml starts it: accounts and roles, TLS to its servers, and a proxy in front of it."""

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from elasticsearch import Elasticsearch

from local.ports import HOST, any_free_port
from local.postgres import ADMINISTRATOR, BINARIES, Postgres
from sync_airflow.dag_ids import DAG_IDS
from tests.conftest import running_server
from tests.deployment.compose_file import ROOT
from tests.deployment.conftest import COMPONENTS, Deployment
from tests.waiting import wait_for

JOB = "PersonOwnerRebuildJob"
DAG = "person_owner_rebuild_job"
ALARM = "persons_index_alarm"
ROLES = {"viewer": "Viewer", "operator": "Operator", "admin": "Admin"}

Client = Callable[[str], httpx.Client]


@pytest.fixture(scope="module")
def passwords(deployed: Deployment) -> dict[str, str]:
    """Of a user of each role. The administrator comes from .env, and creates the others."""
    passwords = {"admin": deployed.variables["AIRFLOW_ADMIN_PASSWORD"]}
    with closing(logged_in(deployed, "admin", passwords["admin"])) as admin:
        for user in ("viewer", "operator"):
            passwords[user] = f"password-of-{user}"
            names = {"username": user, "first_name": user, "last_name": user, "email": f"{user}@example.org"}
            body = {**names, "roles": [{"name": ROLES[user]}], "password": passwords[user]}
            admin.post("/auth/fab/v1/users", json=body).raise_for_status()
    return passwords


@pytest.fixture(scope="module")
def client(deployed: Deployment, passwords: dict[str, str]) -> Iterator[Client]:
    """A client of each user, through the proxy."""
    clients: dict[str, httpx.Client] = {}

    def client(user: str) -> httpx.Client:
        if user not in clients:
            clients[user] = logged_in(deployed, user, passwords[user])
        return clients[user]

    wait_for("all DAGs", lambda: set(DAG_IDS) <= dag_ids(client("admin")), seconds=120)
    yield client
    for made in clients.values():
        made.close()


def logged_in(deployed: Deployment, user: str, password: str) -> httpx.Client:
    client = httpx.Client(base_url=deployed.url, verify=trusting(deployed), timeout=60, trust_env=False)
    login = {"username": user, "password": password}
    token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def trusting(deployed: Deployment) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(deployed.folder / "certificates" / "ca.pem"))


def dag_ids(client: httpx.Client) -> set[str]:
    listed = client.get("/api/v2/dags", params={"limit": 100}).raise_for_status().json()["dags"]
    return {dag["dag_id"] for dag in listed}


def test_only_the_alarm_is_not_paused_from_the_start(client: Client) -> None:
    dags = client("admin").get("/api/v2/dags", params={"limit": 100}).json()["dags"]
    assert {dag["dag_id"] for dag in dags if not dag["is_paused"]} == {ALARM}
    assert {dag["dag_id"] for dag in dags} == set(DAG_IDS)


@pytest.mark.parametrize(
    ("user", "status", "may"),
    [("viewer", 403, False), ("operator", 409, True), ("admin", 409, True)],
)
def test_the_page_lets_operators_run_and_viewers_look(client: Client, user: str, status: int, may: bool) -> None:
    """409: the DAG is paused, which is said only to somebody who may run it."""
    jobs = client(user).get("/sync/api/jobs/status")
    assert jobs.status_code == 200
    assert jobs.json()[f"{JOB[0].lower()}{JOB[1:]}"] is False
    assert client(user).put(f"/sync/api/job/{JOB}", json={}).status_code == status
    run = client(user).post(f"/api/v2/dags/{DAG}/dagRuns", json={"logical_date": None, "conf": {"run_date": "no date"}})
    assert run.status_code == (400 if may else 403)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", f"/api/v2/dags/{DAG}", {"viewer", "operator", "admin"}),
        ("GET", f"/api/v2/dags/{DAG}/dagRuns", {"viewer", "operator", "admin"}),
        ("PATCH", f"/api/v2/dags/{DAG}", {"operator", "admin"}),
        ("GET", "/api/v2/connections", {"admin"}),
        ("GET", "/api/v2/variables", {"admin"}),
        ("DELETE", "/api/v2/dags/no_such_dag", {"admin"}),
        ("PATCH", "/api/v2/dags/another_projects_dag", {"admin"}),
    ],
)
def test_role_table(client: Client, method: str, path: str, allowed: set[str]) -> None:
    body = {"is_paused": True} if method == "PATCH" else None
    answers = {user: client(user).request(method, path, json=body).status_code for user in ROLES}
    assert {user for user, status in answers.items() if status != 403} == allowed, answers


def test_the_login_leads_back_to_the_page_behind_the_proxy(deployed: Deployment, passwords: dict[str, str]) -> None:
    with httpx.Client(verify=trusting(deployed), timeout=60, trust_env=False) as browser:
        refused = browser.get(f"{deployed.url}/sync/")
        assert refused.status_code == 303
        login = refused.headers["location"]
        assert login.startswith(f"{deployed.url}/auth/login/")
        assert parse_qs(urlsplit(login).query)["next"] == [f"{deployed.url}/sync/"]
        form = browser.get(login, follow_redirects=True)
        token = form.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        fields = {"csrf_token": token, "username": "viewer", "password": passwords["viewer"]}
        answer = browser.post(form.url, data=fields, headers={"Referer": str(form.url)})
        ways = []
        while answer.is_redirect:
            ways.append(str(answer.next_request.url) if answer.next_request else "")
            assert answer.next_request
            answer = browser.send(answer.next_request)
        assert answer.status_code == 200, ways
        assert all(way.startswith(deployed.url) for way in ways)
        assert str(answer.url) == f"{deployed.url}/sync/"
        assert browser.get(f"{deployed.url}/sync").headers["location"].endswith("/tis-sync/sync/")


def test_the_demo_runs_all_jobs_over_tls_to_servers_that_accept_nothing_else(
    deployed: Deployment, client: Client, elasticsearch_client: Elasticsearch
) -> None:
    done = deployed.run(deployed.command("demo"), "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{deployed.url}/sync/" in done.stdout

    def end() -> str | None:
        (run,) = client("operator").get("/api/v2/dags/recovery/dagRuns").json()["dag_runs"]
        return run["state"] if run["state"] in ("success", "failed") else None

    assert wait_for("the end of recovery", end) == "success"
    # A few persons of the demo data have no contact details, and so no document.
    assert elasticsearch_client.count(index="persons")["count"] > 0.9 * int(deployed.variables["DEMO_PERSONS"])


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[Postgres]:
    """A new server that has no database of Airflow."""
    passwords = {ADMINISTRATOR: "administrator"}
    server = Postgres(tmp_path / "data", tmp_path / "postgres.log", any_free_port(), passwords, throwaway=True)
    server.initialise()
    with running_server(server):
        yield server


def test_the_backup_of_the_metadata_can_be_restored_on_another_server(
    deployed: Deployment, client: Client, postgres_server: Postgres, other_server: Postgres, tmp_path: Path
) -> None:
    """By the commands of docs/deployment.md: accounts, runs, and connections that the fernet key decrypts are there."""
    runs = client("admin").get("/api/v2/dags/~/dagRuns").json()["total_entries"]
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8").split("## Backup and restore")[1]
    dump, *restore = re.findall(r"^docker compose exec -T postgres (.*)$", text.split("\n## ")[0], re.MULTILINE)
    password = deployed.variables["AIRFLOW_POSTGRES_PASSWORD"]
    with psycopg.connect(other_server.dsn(ADMINISTRATOR, "postgres"), autocommit=True) as administrator:
        administrator.execute(f"CREATE ROLE airflow LOGIN PASSWORD '{password}'".encode())
    for server, commands in ((postgres_server, [dump]), (other_server, restore)):
        environment = {
            "PATH": f"{BINARIES}:{os.environ['PATH']}",
            "PGHOST": HOST,
            "PGPORT": str(server.port),
            "PGPASSWORD": server.passwords[ADMINISTRATOR],
        }
        for command in commands:
            subprocess.run(["sh", "-c", command], env=environment, cwd=tmp_path, check=True)
    found = deployed.run(
        [sys.executable, "-c", RESTORED],
        changes={
            "AIRFLOW_POSTGRES_HOST": HOST,
            "AIRFLOW_POSTGRES_PORT": str(other_server.port),
            "AIRFLOW_POSTGRES_SSLMODE": "disable",
            "AIRFLOW_POSTGRES_CA": "",
        },
    )
    assert found.returncode == 0, found.stderr
    connections, users, runs_found = json.loads(found.stdout.splitlines()[-1])
    assert connections["tcs_postgres"] == deployed.variables["SYNC_POSTGRES_PASSWORD"]
    assert set(users) >= {"admin", "operator", "viewer"}
    assert runs_found >= runs


# Prints what a restored metadata database has.
RESTORED = """
import json
from airflow.models import Connection, DagRun
from airflow.utils.session import create_session
from sqlalchemy import func, select, text

with create_session() as session:
    connections = {each.conn_id: each.password for each in session.scalars(select(Connection))}
    users = list(session.scalars(text("SELECT username FROM ab_user")))
    print(json.dumps([connections, users, session.scalar(select(func.count(DagRun.id)))]))
"""


def test_no_secret_is_in_the_environment_of_a_process(deployed: Deployment) -> None:
    secret = {value for name, value in deployed.variables.items() if name.endswith(("_PASSWORD", "_KEY", "_SECRET"))}
    for service in COMPONENTS:
        values = " ".join(deployed.environment(service).values())
        assert [value for value in secret if value in values] == []


@pytest.mark.slow
@pytest.mark.parametrize("service", ["airflow-dag-processor", "airflow-triggerer"])
def test_health_checks_pass(deployed: Deployment, service: str) -> None:
    # --local asks for a process on this host, by its name.
    assert wait_for(f"{service} to be healthy", lambda: deployed.is_healthy(service), seconds=120)


@pytest.mark.slow
def test_the_clean_up_deletes_old_history_and_keeps_the_last_runs(deployed: Deployment, client: Client) -> None:
    before = client("admin").get("/api/v2/dags/~/dagRuns").json()["total_entries"]
    done = deployed.run([*deployed.command("airflow-cleanup"), "once"], "airflow-cleanup")
    assert done.returncode == 0, done.stderr
    assert client("admin").get("/api/v2/dags/~/dagRuns").json()["total_entries"] == before


@pytest.mark.slow
def test_the_set_up_can_be_repeated(deployed: Deployment) -> None:
    done = deployed.run(deployed.command("airflow-init"))
    assert done.returncode == 0, done.stderr


def test_the_set_up_stops_at_an_empty_database_where_there_was_one(deployed: Deployment) -> None:
    environment = deployed.environment("airflow-init") | {"AIRFLOW_POSTGRES_DATABASE": "postgres"}
    port = deployed.variables["AIRFLOW_POSTGRES_PORT"]
    (deployed.folder / "state" / f"airflow-localhost-{port}-postgres").touch()
    done = subprocess.run(
        deployed.command("airflow-init"),
        env=environment,
        cwd=deployed.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "was set up before, and is empty now. Nothing was created." in done.stderr
