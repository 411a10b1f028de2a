"""While a job runs, a second run of it is refused, on any connection. The lock ends with the process that holds it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import psycopg
import pytest
from elasticsearch import Elasticsearch

from sync_jobs.catalogue import JOBS, find_job
from sync_jobs.errors import AlreadyRunning
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.runner import run_job
from tests.awkward_data import Connection
from tests.command_line import ROOT
from tests.comparison import RunJob
from tests.waiting import wait_for

RUN_DATE = date(2026, 3, 10)
RACERS = 20
Connect = Callable[[], Connection]


@pytest.fixture
def connect(job_dsn: str) -> Connect:
    def open_connection() -> Connection:
        return psycopg.connect(job_dsn, autocommit=True, application_name="the first one")

    return open_connection


@pytest.mark.parametrize("job", [job.name for job in JOBS])
def test_a_second_run_fails_at_once_and_says_who_started_the_first(connect: Connect, run: RunJob, job: str) -> None:
    message = rf"{job} is already running \(since 20.*, by the first one"
    with connect() as first, advisory_lock(first, job), pytest.raises(AlreadyRunning, match=message):
        run(job, RUN_DATE)
    run(job, RUN_DATE)


def test_the_message_has_the_start_of_the_run_and_not_of_its_session(connect: Connect, run: RunJob) -> None:
    job = "PersonOwnerRebuildJob"
    with connect() as first:
        time.sleep(2)
        before = datetime.now(UTC).replace(microsecond=0)
        with advisory_lock(first, job), advisory_lock(first, "another"), pytest.raises(AlreadyRunning) as caught:
            run(job, RUN_DATE)
    since = re.search(r"since (.*) UTC, by", str(caught.value))
    assert since
    assert before <= datetime.fromisoformat(f"{since[1]}+00:00") <= datetime.now(UTC) + timedelta(seconds=1)


def test_a_run_leaves_no_lock_behind(tcs: Connection, run: RunJob) -> None:
    run("PersonOwnerRebuildJob", RUN_DATE)
    assert tcs.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


def test_a_holder_whose_connection_dies_frees_the_job(tcs: Connection, connect: Connect, run: RunJob) -> None:
    first = connect()
    process = first.info.backend_pid
    advisory_lock(first, "PersonOwnerRebuildJob").__enter__()
    first.close()
    while tcs.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (process,)).fetchone():
        time.sleep(0.01)
    assert run("PersonOwnerRebuildJob", RUN_DATE).read == 0


def test_a_killed_holder_that_waits_for_a_lock_frees_the_job(tcs: Connection, job_dsn: str, run: RunJob) -> None:
    """The session neither sends nor receives, so PostgreSQL itself has to check whether the client is there."""
    program = (
        "import sys, psycopg; from datetime import date; from elasticsearch import Elasticsearch;"
        "from sync_jobs.catalogue import find_job; from sync_jobs.runner import run_job;"
        "run_job(find_job('PersonOwnerRebuildJob'), postgres=psycopg.connect(sys.argv[1]),"
        "elasticsearch=Elasticsearch('http://127.0.0.1:9'), run_date=date(2026, 3, 10))"
    )
    look_often = psycopg.conninfo.make_conninfo(job_dsn, options="-c client_connection_check_interval=100ms")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "plugins")}

    def is_waiting() -> bool:
        return tcs.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None

    with psycopg.connect(tcs.info.dsn, password=tcs.info.password) as application:
        application.execute("LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen([sys.executable, "-c", program, look_often], env=environment) as holder:
            while not is_waiting():
                assert holder.poll() is None
                time.sleep(0.05)
            holder.kill()
        wait_for("the end of its session", lambda: not is_waiting())
        application.rollback()
    assert run("PersonOwnerRebuildJob", RUN_DATE).read == 0


def test_exactly_one_of_twenty_simultaneous_runs_works(
    tcs: Connection, connect: Connect, elasticsearch: Elasticsearch
) -> None:
    """The work is held up by a lock on its table until every racer has had its answer."""
    barrier = Barrier(RACERS + 1)
    answers: list[str] = []

    def race() -> None:
        with connect() as connection:
            barrier.wait()
            try:
                job = find_job("PersonOwnerRebuildJob")
                run_job(job, postgres=connection, elasticsearch=elasticsearch, run_date=RUN_DATE)
                answers.append("worked")
            except AlreadyRunning:
                answers.append("refused")
                if answers.count("refused") == RACERS - 1:
                    blocker.rollback()

    with psycopg.connect(tcs.info.dsn, password=tcs.info.password) as blocker, ThreadPoolExecutor(RACERS) as racers:
        blocker.execute("LOCK TABLE person_owner IN ACCESS EXCLUSIVE MODE")
        running = [racers.submit(race) for _ in range(RACERS)]
        barrier.wait()
        for racer in running:
            racer.result(timeout=60)

    assert sorted(answers) == ["refused"] * (RACERS - 1) + ["worked"]
