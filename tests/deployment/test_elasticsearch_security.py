"""A real Elasticsearch with users, permissions and https: the jobs work with the permissions of deploy alone.

docs/deployment.md, "On existing servers" and "An API key for Elasticsearch"
"""

import json
import os
import re
import secrets
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from elasticsearch import AuthorizationException, Elasticsearch

from local import jars
from local.demo_data import load_demo_data
from local.errors import StackError
from local.ports import HOST, any_free_port
from local.processes import Service, stop
from sync_jobs.catalogue import JOBS
from sync_jobs.errors import AccessRefused
from sync_jobs.guard_rail import Limits
from sync_jobs.hand_back import hand_back_index
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.parity import compare_all
from sync_jobs.runner import run_rollback
from sync_jobs.search.index_alias import find_indices, find_live
from tests.application import ALIAS
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, runner
from tests.deployment.compose_file import ROOT
from tests.deployment.secure_elasticsearch_node import LOCK

RUN_DATE = date(2026, 3, 10)
PERSONS_LOADED = 300
JOB = "PersonElasticSearchSyncJob"
START_SECONDS = 240
ADMINISTRATOR, USER = "elastic", "sync_jobs"


class SecureServer:
    """A node that is running. folder: its files, and the authority of its certificate."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.url = folder, f"https://localhost:{port}"
        self.authority = folder / "ca.pem"
        self.passwords = {ADMINISTRATOR: secrets.token_urlsafe(16), USER: secrets.token_urlsafe(16)}

    def client(self, **login: Any) -> Elasticsearch:
        """login: basic_auth or api_key; the administrator by default."""
        login = login or {"basic_auth": (ADMINISTRATOR, self.passwords[ADMINISTRATOR])}
        return Elasticsearch(self.url, ca_certs=str(self.authority), request_timeout=120, **login)

    def answers(self) -> bool:
        login = (ADMINISTRATOR, self.passwords[ADMINISTRATOR])
        verify = ssl.create_default_context(cafile=str(self.authority))
        try:
            answer = httpx.get(f"{self.url}/_cluster/health", auth=login, verify=verify, trust_env=False, timeout=10)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def set_up(self) -> "subprocess.CompletedProcess[str]":
        """deploy/set_up_elasticsearch.sh"""
        environment = {
            "PATH": os.environ["PATH"],
            "ELASTICSEARCH_URL": self.url,
            "ELASTICSEARCH_CA": str(self.authority),
        }
        for variable, user in (("ELASTIC", ADMINISTRATOR), ("SYNC_ELASTICSEARCH", USER)):
            file = self.folder / f"{user}.password"
            file.write_text(self.passwords[user], encoding="utf-8")
            environment[f"{variable}_PASSWORD_FILE"] = str(file)
        script = ROOT / "deploy" / "set_up_elasticsearch.sh"
        return subprocess.run(["bash", script], env=environment, capture_output=True, text=True, check=False)

    def api_key(self) -> str:
        """By the command of docs/deployment.md, at the address of this server."""
        text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
        (command,) = re.findall(r"^curl --cacert .*\n.*$", text, re.MULTILINE)
        command = command.replace("https://elasticsearch.example.org:9200", self.url)
        command = command.replace("elasticsearch-ca.pem", str(self.authority))
        environment = {"PATH": os.environ["PATH"], "ELASTIC_PASSWORD": self.passwords[ADMINISTRATOR]}
        done = subprocess.run(
            ["sh", "-c", command], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        encoded: str = json.loads(done.stdout)["encoded"]
        return encoded


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServer]:
    folder = tmp_path_factory.mktemp("secure-elasticsearch")
    home = folder / "home"
    (home / "config").mkdir(parents=True)
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", HOST)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(home / "config" / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(home / "config" / "certificate.pem"))
    try:
        jars.install(home / "security-jars", LOCK)
    except StackError as error:
        pytest.skip(f"the security module of Elasticsearch cannot be downloaded: {error}")
    port = any_free_port()
    server = SecureServer(folder, port)
    (folder / "password").write_text(server.passwords[ADMINISTRATOR], encoding="utf-8")
    command = [sys.executable, "-m", "tests.deployment.secure_elasticsearch_node", "--home", str(home)]
    command += ["--port", str(port), "--password-file", str(folder / "password")]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    service = Service("Elasticsearch with security", folder / "log", port).start(command, environment, ROOT)
    try:
        service.wait_until(server.answers, START_SECONDS)
        for _ in range(2):
            done = server.set_up()
            assert done.returncode == 0, done.stderr
        yield server
    finally:
        stop([service])


@pytest.fixture(params=["user", "API key"])
def client(server: SecureServer, request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    """With the rights of the jobs. Nothing of an earlier test is in the indices."""
    login = (
        {"api_key": server.api_key()} if request.param == "API key" else {"basic_auth": (USER, server.passwords[USER])}
    )
    with server.client() as administrator, server.client(**login) as client:
        found = [name for name in administrator.indices.get(index="*") if not name.startswith(".")]
        if found:
            administrator.indices.delete(index=found)
        yield client


@pytest.fixture
def demo(tcs: Connection) -> Connection:
    """The application, with persons."""
    load_demo_data(tcs, PERSONS_LOADED, RUN_DATE)
    return tcs


@pytest.mark.usefixtures("demo")
def test_the_permissions_are_enough_for_all_jobs_a_rollback_and_the_migration_both_ways(
    job_connection: Connection, client: Elasticsearch
) -> None:
    run = runner(job_connection, client)
    run(JOB, RUN_DATE)
    hand_back_index(PERSONS, postgres=job_connection, elasticsearch=client, settings=SETTINGS)
    assert not find_live(client, ALIAS).is_alias
    for job in JOBS:
        run(job.name, RUN_DATE, limits=Limits(maximum_changed_percent=100))
    found = compare_all(postgres=job_connection, elasticsearch=client, run_date=RUN_DATE, settings=SETTINGS)
    assert [parity.error for parity in found] == [""] * len(JOBS)
    indices = find_indices(client, ALIAS)
    report = run_rollback(PERSONS, postgres=job_connection, elasticsearch=client, settings=SETTINGS)
    assert report.indices["live"] == indices.previous[:1]
    assert client.count(index=ALIAS)["count"] > 0.9 * PERSONS_LOADED


def test_other_indices_are_out_of_reach(server: SecureServer, client: Elasticsearch) -> None:
    with server.client() as administrator:
        administrator.index(index="other", document={"secret": 1}, refresh=True)
    client.indices.create(index="persons-2")
    assert list(client.indices.get(index="*")) == ["persons-2"]
    forbidden: list[Callable[[], object]] = [
        lambda: client.search(index="other"),
        lambda: client.index(index="other", document={}),
        lambda: client.indices.delete(index="other"),
        lambda: client.indices.create(index="another"),
        lambda: client.indices.put_alias(index="persons-2", name="other-alias"),
        client.security.get_user,
    ]
    for each in forbidden:
        with pytest.raises(AuthorizationException):
            each()


@pytest.mark.usefixtures("demo")
def test_a_wrong_password_and_a_missing_permission_are_said_in_the_servers_words(
    server: SecureServer, job_connection: Connection
) -> None:
    with server.client(basic_auth=(USER, "wrong")) as client, pytest.raises(AccessRefused) as refused:
        runner(job_connection, client)(JOB, RUN_DATE)
    assert f"401 unable to authenticate user [{USER}] for REST request" in str(refused.value)
    with server.client() as administrator:
        reads = {
            "cluster": ["monitor"],
            "indices": [{"names": ["persons*"], "privileges": ["read", "view_index_metadata"]}],
        }
        key = administrator.security.create_api_key(name="reads", role_descriptors={"reads": reads})["encoded"]
    with server.client(api_key=key) as client, pytest.raises(AccessRefused) as refused:
        runner(job_connection, client)(JOB, RUN_DATE)
    assert "403 action [indices:admin/create] is unauthorized for API key" in str(refused.value)
