"""deploy/helm: the values fit the official chart, and what it makes of them fits the image and the Secrets."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.providers.celery.get_provider_info import get_provider_info as celery_info
from airflow.providers.fab.get_provider_info import get_provider_info as fab_info

from deploy.helm import write_secrets
from sync_airflow import settings
from tests.deployment.compose_file import ROOT
from tests.deployment.tools import helm_command
from tests.unit.test_requirements import NO_REGISTRY, UV

FOLDER = ROOT / "deploy" / "helm"
VALUES = FOLDER / "values.yaml"
SITE = FOLDER / "site.example.yaml"
KUBERNETES = FOLDER / "kubernetes-executor.yaml"
README = (FOLDER / "README.md").read_text(encoding="utf-8")

# The chart, a folder or an archive, where it cannot be fetched from its repository.
CHART = os.environ.get("SYNC_AIRFLOW_CHART")

# Values that hold settings of Airflow: the chart knows no keys below them.
FREE_FORM = {("config",)}

COMBINATIONS = {
    "celery": (VALUES,),
    "celery at a site": (VALUES, SITE),
    "kubernetes": (VALUES, SITE, KUBERNETES),
}


def content_of(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def named_in_readme(pattern: str) -> str:
    found = re.search(pattern, README)
    assert found, f"README.md does not say {pattern}"
    return found[1]


@pytest.fixture(scope="session")
def secrets() -> dict[str, dict[str, str]]:
    """The Secrets that write_secrets.py makes from a new .env: keys and values by name."""
    made = subprocess.run([ROOT / "deploy" / "make_env.sh"], capture_output=True, text=True, check=True).stdout
    listed = write_secrets.secrets(write_secrets.variables_of(made))
    return {item["metadata"]["name"]: item["stringData"] for item in listed["items"]}


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    return helm_command(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory, helm: str) -> Path:
    if CHART:
        return Path(CHART)
    folder = tmp_path_factory.mktemp("chart")
    repository, version = named_in_readme(r"--repo (\S+)"), named_in_readme(r"--version (\S+)")
    pull = [helm, "pull", "airflow", "--repo", repository, "--version", version, "--untar", "--untardir", str(folder)]
    pulled = subprocess.run(pull, capture_output=True, text=True, check=False)
    if pulled.returncode:
        pytest.skip(f"the chart cannot be fetched; name a folder or an archive in SYNC_AIRFLOW_CHART: {pulled.stderr}")
    return folder / "airflow"


@pytest.fixture(scope="session")
def default_values(helm: str, chart: Path) -> dict[str, Any]:
    shown = subprocess.run([helm, "show", "values", str(chart)], capture_output=True, text=True, check=True)
    values: dict[str, Any] = yaml.safe_load(shown.stdout)
    return values


def rendered(helm: str, chart: Path, *files: Path) -> list[dict[str, Any]]:
    """What the chart makes of these values. Helm checks them against the chart's schema."""
    values = [word for file in files for word in ("--values", str(file))]
    command = [helm, "template", "tis-sync", str(chart), "--namespace", "tis-sync", *values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.fixture(scope="session", params=COMBINATIONS)
def documents(helm: str, chart: Path, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return rendered(helm, chart, *COMBINATIONS[request.param])


@pytest.fixture(scope="session")
def celery(helm: str, chart: Path) -> list[dict[str, Any]]:
    return rendered(helm, chart, VALUES)


def pods(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The specification of the pods of each Deployment, StatefulSet, Job and CronJob, and of the pods of tasks."""
    found = {}
    for document in documents:
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found[document["metadata"]["name"]] = spec["template"]["spec"]
        if document["kind"] == "ConfigMap" and "pod_template_file.yaml" in document["data"]:
            found["a task"] = yaml.safe_load(document["data"]["pod_template_file.yaml"])["spec"]
    return found


def containers(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*(pod.get("initContainers") or ()), *pod["containers"]]


def unknown(values: Mapping[str, Any], defaults: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of values that have no default in the chart: it would ignore them."""
    for key, value in values.items():
        here = (*path, key)
        if here in FREE_FORM:
            continue
        if key not in defaults:
            yield ".".join(here)
        elif isinstance(value, dict) and isinstance(defaults[key], dict) and defaults[key]:
            yield from unknown(value, defaults[key], here)


@pytest.mark.parametrize("file", [VALUES, SITE, KUBERNETES], ids=lambda file: file.name)
def test_the_chart_knows_every_value(default_values: dict[str, Any], file: Path) -> None:
    assert list(unknown(content_of(file), default_values)) == []


def test_every_process_of_airflow_runs_the_image_of_this_project(documents: list[dict[str, Any]]) -> None:
    values = content_of(VALUES)
    image = f"{values['defaultAirflowRepository']}:{values['defaultAirflowTag']}"
    others = {c["image"] for pod in pods(documents).values() for c in containers(pod)} - {image}
    assert {other.partition(":")[0] for other in others} <= {"redis", "quay.io/prometheus/statsd-exporter"}


def test_every_secret_that_a_pod_reads_is_made_from_env(
    documents: list[dict[str, Any]], secrets: dict[str, dict[str, str]]
) -> None:
    assert [document["metadata"]["name"] for document in documents if document["kind"] == "Secret"] == []
    for name, pod in pods(documents).items():
        for container in containers(pod):
            for variable in container.get("env") or ():
                wanted = (variable.get("valueFrom") or {}).get("secretKeyRef")
                if wanted:
                    assert wanted["key"] in secrets[wanted["name"]], f"{name}: {variable['name']}"
        for volume in pod.get("volumes") or ():
            wanted = volume.get("secret") or {"optional": True}
            if not wanted.get("optional"):
                assert {item["key"] for item in wanted["items"]} <= secrets[wanted["secretName"]].keys(), name


def test_the_jobs_get_their_connections_and_no_other_process_a_password_in_clear(
    documents: list[dict[str, Any]], secrets: dict[str, dict[str, str]]
) -> None:
    """Workers, schedulers and the triggerer read them; with KubernetesExecutor, each pod of a task."""
    text = yaml.safe_dump(documents)
    assert [key for content in secrets.values() for key, value in content.items() if value and value in text] == []
    made = pods(documents)
    for name in ("tis-sync-scheduler", "tis-sync-triggerer", "tis-sync-worker" if "a task" not in made else "a task"):
        main = made[name]["containers"][0]
        variables = {variable["name"] for variable in main["env"]}
        assert {"AIRFLOW_CONN_TCS_POSTGRES", "AIRFLOW_CONN_TCS_ELASTICSEARCH"} <= variables, name
        assert "/certificates" in {mount["mountPath"] for mount in main["volumeMounts"]}, name


def test_every_pod_is_restricted_and_limited_in_memory(documents: list[dict[str, Any]]) -> None:
    """The Pod Security Standard "restricted". Without limits, a pod is the first to go on a node without memory."""
    for name, pod in pods(documents).items():
        security = pod["securityContext"]
        assert security["runAsNonRoot"], name
        assert security["runAsUser"] != 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(pod):
            own = container["securityContext"]
            assert own == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}, name
            assert {*container["resources"]["requests"], *container["resources"]["limits"]} == {"cpu", "memory"}, name


def test_only_the_kubernetes_executor_may_start_pods(documents: list[dict[str, Any]]) -> None:
    roles = [document for document in documents if document["kind"] == "Role"]
    creating = {role["metadata"]["name"] for role in roles for rule in role["rules"] if "create" in rule["verbs"]}
    assert creating == ({"tis-sync-pod-launcher-role"} if "a task" in pods(documents) else set())


def test_only_the_set_up_of_accounts_gets_the_password_of_the_administrator(documents: list[dict[str, Any]]) -> None:
    readers = {name for name, pod in pods(documents).items() if "admin-password" in yaml.safe_dump(pod)}
    assert readers == {"tis-sync-create-user"}


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_field(documents: list[dict[str, Any]], tmp_path: Path, version: str) -> None:
    """By the schemas of that version of Kubernetes, which kubernetes-validate contains."""
    rendered_file = tmp_path / "rendered.yaml"
    rendered_file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    validate = [str(UV), "tool", "run", "kubernetes-validate==1.37.0", "--strict", "--kubernetes-version", version]
    done = subprocess.run([*validate, str(rendered_file)], capture_output=True, text=True, check=False)
    if NO_REGISTRY.search(done.stderr):
        pytest.skip("the package registry cannot be reached")
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_that_a_night_needs_runs_only_once(celery: list[dict[str, Any]]) -> None:
    replicas = {
        document["metadata"]["name"]: document["spec"].get("replicas", 1)
        for document in celery
        if document["kind"] in ("Deployment", "StatefulSet")
    }
    budgets = {document["metadata"]["name"] for document in celery if document["kind"] == "PodDisruptionBudget"}
    for component in ("scheduler", "api-server", "triggerer", "worker"):
        assert replicas[f"tis-sync-{component}"] == 2
        assert f"tis-sync-{component}-pdb" in budgets


def test_a_worker_has_time_to_finish_its_jobs(documents: list[dict[str, Any]]) -> None:
    made = pods(documents)
    assert made.get("a task", made.get("tis-sync-worker"))["terminationGracePeriodSeconds"] >= 1800  # type: ignore[index]


def test_the_broker_is_the_redis_of_the_chart(celery: list[dict[str, Any]], secrets: dict[str, dict[str, str]]) -> None:
    services = {document["metadata"]["name"] for document in celery if document["kind"] == "Service"}
    host = secrets["tis-sync-broker"]["connection"].rpartition("@")[2].partition(":")[0]
    assert host in services


# --- without the chart ---


def test_the_values_have_the_versions_of_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    values = content_of(VALUES)
    assert f"FROM apache/airflow:slim-{values['airflowVersion']}-python" in dockerfile
    assert f"ARG VERSION={values['defaultAirflowTag']}\n" in dockerfile


def test_the_settings_are_those_that_airflow_and_this_project_know() -> None:
    own = {settings.RECOVERY_WINDOW, settings.RECOVERY_SKIPS_FINE_NIGHT, settings.INDEX_ALARM_AT}
    of_airflow = {section: set(options) for section, options in options_of_airflow().items()}
    known = of_airflow | {settings.SECTION: own | {settings.MAXIMUM_RUN_DATE_DAYS}}
    for file in (VALUES, SITE):
        for section, options in content_of(file)["config"].items():
            assert options.keys() <= known[section], section


def options_of_airflow() -> dict[str, list[str]]:
    """The options of Airflow itself and of two providers, by section."""
    import airflow.config_templates  # noqa: PLC0415  # finds the folder

    file = Path(next(iter(airflow.config_templates.__path__))) / "config.yml"
    sections = yaml.safe_load(file.read_text(encoding="utf-8"))
    for info in (celery_info(), fab_info()):
        sections |= info["config"]
    return {section: list(content["options"]) for section, content in sections.items()}


def test_scripts_and_files_that_the_values_name_are_in_the_image() -> None:
    for path in re.findall(r"/opt/airflow/(\S+\.py)", VALUES.read_text(encoding="utf-8")):
        assert (ROOT / path).is_file()


def test_the_connections_in_the_secret_are_what_airflow_reads(secrets: dict[str, dict[str, str]]) -> None:
    postgres, elasticsearch = (json.loads(secrets["tis-sync"][f"tcs-{name}"]) for name in ("postgres", "elasticsearch"))
    assert (postgres["conn_type"], postgres["login"], postgres["schema"]) == ("postgres", "sync_jobs", "tcs")
    assert len(postgres["password"]) == 64
    assert (elasticsearch["conn_type"], elasticsearch["port"]) == ("elasticsearch", 9200)


@pytest.mark.parametrize("password", ["letters", "p@ss/w:rd%?#$ é'\"\\"])
def test_the_address_of_the_metadata_is_that_of_compose(tmp_path: Path, password: str) -> None:
    made = subprocess.run([ROOT / "deploy" / "make_env.sh"], capture_output=True, text=True, check=True).stdout
    variables = write_secrets.variables_of(made) | {
        "AIRFLOW_POSTGRES_CA": "/certificates/ca.pem",
        "AIRFLOW_POSTGRES_PASSWORD": password,
    }
    (tmp_path / "password").write_text(password, encoding="utf-8")
    environment = {**os.environ, **variables, "AIRFLOW_POSTGRES_PASSWORD_FILE": str(tmp_path / "password")}
    command = ["bash", str(ROOT / "deploy" / "metadata_url.sh"), "postgresql+psycopg2"]
    url = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert write_secrets.metadata_address(variables) == url


def test_values_in_quotes_are_read_as_compose_reads_them() -> None:
    assert write_secrets.variables_of("# a comment\nONE='a $b #c'\nTWO=plain\nTHREE=\n") == {
        "ONE": "a $b #c",
        "TWO": "plain",
        "THREE": "",
    }
