"""A night under CeleryExecutor, as the profile celery has it: a real Redis, two workers, and one that is killed."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from local.demo_data import load_demo_data
from local.elasticsearch import Elasticsearch as ElasticsearchServer
from local.ports import HOST, any_free_port
from local.postgres import Postgres
from local.processes import Service, processes_of, stop
from sync_airflow.dag_ids import RECOVERY
from sync_jobs.catalogue import JOBS
from tests.deployment.compose_file import ROOT, SERVICES, environment_of, write_secrets
from tests.scheduler.night import now, this_minute
from tests.scheduler.running_airflow import RunningAirflow, new_airflow
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

BUILD = "person_elastic_search_sync_job"
JOB_DAGS = tuple(job.dag_id for job in JOBS)
PERSONS = 300
# The scheduler takes a task for dead after that time without a heartbeat. The default is five minutes.
HEARTBEAT_TIMEOUT = "30"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis, started by the command of docker-compose.yaml."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp("redis")
    password, port = secrets.token_hex(16), any_free_port()
    write_secrets(folder, "redis", {"REDIS_PASSWORD": password})
    command = [word.replace("/deploy", str(ROOT / "deploy")) for word in SERVICES["redis"]["command"]]
    check = SERVICES["redis"]["healthcheck"]["test"][1].replace("$$", "$").replace("redis-cli", f"redis-cli -p {port}")
    check = check.replace("/run/secrets", str(folder))
    environment = {"PATH": os.environ["PATH"], **environment_of("redis", {}, {"/run/secrets": folder})}
    service = Service("Redis", folder / "redis.log", port)
    service = service.start([*command, "--bind", HOST, "--port", str(port)], environment, folder)
    try:
        service.wait_until(
            lambda: subprocess.run(["sh", "-c", check], env=environment, check=False).returncode == 0, seconds=20
        )
        yield f"redis://:{password}@{HOST}:{port}/0"
    finally:
        stop([service])


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: Postgres,
    elasticsearch_server: ElasticsearchServer,
    broker: str,
) -> Iterator[RunningAirflow]:
    """An Airflow without a worker, on demo data. Its jobs are due in six hours."""
    settings = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": HEARTBEAT_TIMEOUT,
    }
    folder = tmp_path_factory.mktemp("celery")
    with new_airflow(folder, postgres_server, elasticsearch_server, zone="UTC", more_settings=settings) as running:
        with psycopg.connect(running.tcs_dsn) as connection:
            load_demo_data(connection, PERSONS, datetime.now(UTC).date())
        running.start(dict.fromkeys(JOB_DAGS, now() + timedelta(hours=6)))
        yield running


@pytest.fixture(scope="module")
def workers(running: RunningAirflow) -> Iterator[dict[str, Service]]:
    """Two workers with one slot each, by name. A test may kill one."""
    workers = {name: start_worker(running, name) for name in ("one", "two")}
    try:
        for worker in workers.values():
            worker.wait_until(lambda log=worker.log: " ready." in log.read_text(encoding="utf-8"), seconds=180)  # type: ignore[misc]
        yield workers
    finally:
        stop(list(workers.values()), patience=1)


def start_worker(running: RunningAirflow, name: str) -> Service:
    """By the command of docker-compose.yaml, with one slot, and with a name: both are on one host."""
    _, *command = SERVICES["airflow-worker"]["command"]
    command[command.index("--concurrency") + 1] = "1"
    command += [
        "--celery-hostname",
        f"{name}@localhost",
        "--skip-serve-logs",
        "--pid",
        f"{running.airflow.home}/{name}",
    ]
    service = Service(f"worker {name}", running.airflow.logs / f"worker-{name}.log")
    return service.start(
        [sys.executable, "-m", "airflow", *command], running.airflow.environment(), running.airflow.home
    )


def kill(worker: Service) -> None:
    """As happens to a container that needs too much memory, or whose node is lost."""
    processes = processes_of([worker]).values()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=20)


def test_the_health_check_of_docker_compose_finds_a_worker(
    running: RunningAirflow, workers: dict[str, Service]
) -> None:
    check = SERVICES["airflow-worker"]["healthcheck"]["test"][1].replace("celery@$$HOSTNAME", "$WORKER")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def is_healthy(worker: str) -> bool:
        environment = running.airflow.environment() | {"PATH": path, "WORKER": f"{worker}@localhost"}
        return subprocess.run(["sh", "-c", check], env=environment, check=False).returncode == 0

    assert all(is_healthy(worker) for worker in workers)
    assert not is_healthy("three")


def test_a_night_survives_a_worker_that_is_killed_in_mid_build(
    running: RunningAirflow, workers: dict[str, Service]
) -> None:
    with running.builds_held_up():
        night = running.set_night(dict.fromkeys(JOB_DAGS, this_minute()))
        running.wait_for_sessions_at_a_lock()
        build = running.wait_for_task(night.task(BUILD), "running")
        assert build
        unfinished = running.indices()
        (name,) = [name for name, worker in workers.items() if build["pid"] in processes_of([worker])]
        kill(workers.pop(name))
    assert night.wait_for_end(JOB_DAGS) == dict.fromkeys(JOB_DAGS, "success")
    night.assert_order(JOB_DAGS)
    assert running.api.get(night.task(BUILD).path)["try_number"] == 2
    # The next attempt has removed what the killed one had left.
    assert len(unfinished) == 1
    assert running.live() == running.indices() != unfinished


def test_recovery_finishes_with_the_one_slot_that_is_left(running: RunningAirflow, workers: dict[str, Service]) -> None:
    while len(workers) > 1:
        kill(workers.popitem()[1])
    assert running.wait_for_end(RECOVERY, running.api.start(RECOVERY)) == "success"
    assert wait_for("all sessions to end", lambda: not running.sessions())
