"""The processes of docker-compose.yaml without Docker: its commands, environment and secrets, against TLS servers.

PgBouncer in front of PostgreSQL accepts only TLS, Elasticsearch is behind https, and nginx serves Airflow over https,
below a path.
"""

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from local.home import new_secrets
from local.ports import HOST, any_free_port
from local.postgres import Postgres
from local.processes import Service, stop
from tests.airflow_of_tests import CALM
from tests.conftest import TEMPLATE, new_database
from tests.deployment.compose_file import ROOT, SERVICES, environment_of, write_secrets
from tests.faults.proxy import Proxy, proxy_before
from tests.pgbouncer import accepts, pgbouncer

BASE_PATH = "/tis-sync"
# The scheduler comes last, once the API server answers.
COMPONENTS = ("airflow-dag-processor", "airflow-triggerer", "airflow-api-server", "airflow-scheduler")
START_SECONDS = 240


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def application_database(postgres_server: Postgres) -> Iterator[str]:
    """A database of the application for the deployment alone: other tests copy tcs, which stays empty and unused."""
    with new_database(postgres_server, "tcs", TEMPLATE) as name:
        yield name


@pytest.fixture(scope="session")
def tls_port(
    tmp_path_factory: pytest.TempPathFactory,
    authority: trustme.CA,
    postgres_server: Postgres,
    application_database: str,
) -> Iterator[int]:
    """The port of a PgBouncer that accepts only TLS, because the PostgreSQL of the tests is built without it."""
    folder = tmp_path_factory.mktemp("certificate")
    certificate = folder / "server.pem"
    authority.issue_cert("localhost", HOST).private_key_and_cert_chain_pem.write_to_path(str(certificate))
    settings = {
        "default_pool_size": 80,
        "max_client_conn": 200,
        "client_tls_sslmode": "require",
        "client_tls_cert_file": certificate,
        "client_tls_key_file": certificate,
    }
    with pgbouncer(folder / "pgbouncer", postgres_server, application_database, **settings) as port:
        login = {"user": "tcs", "password": postgres_server.passwords["tcs"], "dbname": application_database}
        assert accepts(port=port, sslmode="require", **login)
        assert not accepts(port=port, sslmode="disable", **login)
        yield port


@pytest.fixture(scope="session")
def tls_elasticsearch(elasticsearch_server: ElasticsearchServer, authority: trustme.CA) -> Iterator[Proxy]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", HOST).configure_cert(context)
    with proxy_before(elasticsearch_server.url, https=context) as proxy:
        yield proxy


@dataclass
class Deployment:
    """folder: for secrets, certificates, logs. variables: those of .env."""

    folder: Path
    variables: dict[str, str]
    port: int
    nginx_port: int

    @property
    def url(self) -> str:
        """As users type it."""
        return f"https://localhost:{self.nginx_port}{BASE_PATH}"

    def environment(self, service: str) -> dict[str, str]:
        folders = {
            "/run/secrets": self.folder / "secrets",
            "/certificates": self.folder / "certificates",
            "/opt/airflow/state": self.folder / "state",
            "/opt/airflow/logs": self.folder / "logs",
            "/opt/airflow/demo": ROOT,
            "/opt/airflow": ROOT,
            "airflow-api-server:8080": Path(f"localhost:{self.port}"),
        }
        write_secrets(self.folder / "secrets", service, self.variables)
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(self.folder),
            "AIRFLOW_HOME": str(self.folder / "home"),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)]),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__WORKERS": "1",
            **CALM,
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **environment_of(service, self.variables, folders),
        }

    def command(self, service: str) -> list[str]:
        """As in the container, where the entry point of the image puts `airflow` before a single word."""
        command = SERVICES[service]["command"]
        words: list[str] = ["airflow", command] if isinstance(command, str) else list(command)
        return [word.replace("/opt/airflow", str(ROOT)) for word in words]

    def run(
        self, command: Sequence[str], service: str = "airflow-init", changes: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in the environment of a service, to its end. changes: other values in that environment."""
        environment = self.environment(service) | dict(changes or {})
        return subprocess.run(
            list(command), env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )

    def is_healthy(self, service: str) -> bool:
        """By its own health check, at the ports of this test."""
        test = SERVICES[service]["healthcheck"]["test"]
        words = [word.replace("/opt/airflow", str(ROOT)) for word in test[1:]]
        port = [str(self.port)] if service == "airflow-api-server" else []
        return self.run([*words, *port], service).returncode == 0


def nginx_configuration(folder: Path, deployment: Deployment, certificate: trustme.LeafCert) -> Path:
    """The proxy of docs/deployment.md, "Behind a proxy"."""
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "proxy.pem"))
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {HOST}:{deployment.nginx_port} ssl;
    ssl_certificate {folder}/proxy.pem;
    ssl_certificate_key {folder}/proxy.pem;
    location {BASE_PATH}/ {{
      proxy_pass http://{HOST}:{deployment.port};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
""",
        encoding="utf-8",
    )
    return configuration


@pytest.fixture(scope="session")
def deployment(
    tmp_path_factory: pytest.TempPathFactory,
    authority: trustme.CA,
    postgres_server: Postgres,
    application_database: str,
    tls_port: int,
    tls_elasticsearch: Proxy,
) -> Deployment:
    """Secrets, certificates and settings; nothing is started."""
    folder = tmp_path_factory.mktemp("deployment")
    for name in ("secrets", "certificates", "state", "logs", "home"):
        (folder / name).mkdir()
    authority.cert_pem.write_to_path(str(folder / "certificates" / "ca.pem"))
    secrets, nginx_port = new_secrets(), any_free_port()
    certificate = "/certificates/ca.pem"
    postgres = {"HOST": "localhost", "PORT": str(tls_port), "SSLMODE": "verify-full", "CA": certificate}
    variables = {
        **{f"{database}_POSTGRES_{name}": value for database in ("TCS", "AIRFLOW") for name, value in postgres.items()},
        "AIRFLOW_POSTGRES_PASSWORD": postgres_server.passwords["airflow"],
        "SYNC_POSTGRES_PASSWORD": postgres_server.passwords["sync_jobs"],
        "TCS_POSTGRES_DATABASE": application_database,
        "TCS_POSTGRES_PASSWORD": postgres_server.passwords["tcs"],
        "ELASTICSEARCH_HOST": "localhost",
        "ELASTICSEARCH_PORT": tls_elasticsearch.url.rpartition(":")[2],
        "ELASTICSEARCH_SCHEME": "https",
        "ELASTICSEARCH_CA": certificate,
        "ELASTICSEARCH_API_KEY": "aWQ6a2V5",
        "AIRFLOW_FERNET_KEY": secrets["fernet_key"],
        "AIRFLOW_API_SECRET_KEY": secrets["api_secret_key"],
        "AIRFLOW_JWT_SECRET": secrets["jwt_secret"],
        "AIRFLOW_ADMIN_PASSWORD": secrets["admin"],
        "DEMO_PERSONS": "300",
        "DAGS_ARE_PAUSED_AT_CREATION": "true",
        "RECOVERY_WINDOW": "off",
        "PUBLIC_URL": f"https://localhost:{nginx_port}",
        "BASE_PATH": BASE_PATH,
    }
    return Deployment(folder, variables, any_free_port(), nginx_port)


@pytest.fixture(scope="module")
def deployed(deployment: Deployment, authority: trustme.CA) -> Iterator[Deployment]:
    """All components of Airflow, healthy by their own checks, behind nginx."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    done = deployment.run(deployment.command("airflow-init"))
    assert done.returncode == 0, done.stdout + done.stderr
    configuration = nginx_configuration(deployment.folder, deployment, authority.issue_cert("localhost"))
    services: list[Service] = []

    def start(name: str, command: Sequence[str], environment: dict[str, str]) -> Service:
        service = Service(name, deployment.folder / f"{name}.log")
        services.append(service.start(list(command), environment, deployment.folder))
        return services[-1]

    try:
        start("nginx", [nginx, "-c", str(configuration)], {"PATH": os.environ["PATH"]})
        for name in COMPONENTS:
            service = start(name, deployment.command(name), deployment.environment(name))
            if name == "airflow-api-server":
                service.wait_until(lambda: deployment.is_healthy("airflow-api-server"), START_SECONDS)
        yield deployment
    finally:
        stop(services, patience=2)
