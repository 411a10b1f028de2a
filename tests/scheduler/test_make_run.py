"""`make run` as a newcomer sees it: the stack from nothing, all jobs through the real scheduler, the table."""

import json
import re
from typing import NamedTuple

import httpx
import psutil
import psycopg

from local.ports import HOST, is_free
from sync_jobs.catalogue import JOBS
from tests.command_line import CommandLine

PERSONS = 300
# Settings of a user's shell that are for other programs. Port 9 refuses all connections.
OTHER_SETTINGS = {
    **{"HTTP_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"},
    **{"NO_PROXY": "one.example", "PGSSLMODE": "verify-full", "PGHOSTADDR": "192.0.2.1", "PGSERVICE": "none"},
    **{"PGOPTIONS": "-c log_min_duration_statement=0", "PGCHANNELBINDING": "require", "LC_ALL": "C"},
}
NAMES = [job.name for job in JOBS]
LINE = re.compile(r"^(\w+Job) +(\w+)((?: +[\d,.]+)+) *$", re.MULTILINE)


class Row(NamedTuple):
    """A row of the table: the state and the first five counts."""

    state: str
    read: int
    added: int
    changed: int
    removed: int
    unchanged: int


def table(output: str) -> dict[str, Row]:
    """The rows of the printed table, by job."""
    rows = {}
    for name, state, numbers in LINE.findall(output):
        counts = [int(count.replace(",", "")) for count in numbers.split()[:5]]
        rows[name] = Row(state, *counts)
    return rows


def test_make_run_works_on_a_fresh_home_and_again_and_after_its_services_were_killed(command_line: CommandLine) -> None:
    command_line.environment |= {"SYNC_DEMO_PERSONS": str(PERSONS), **OTHER_SETTINGS}
    code, output = command_line.run("run")
    assert code == 0, output
    first = table(output)
    assert list(first) == NAMES, output
    assert {row.state for row in first.values()} == {"success"}
    assert first["PersonOwnerRebuildJob"].read == first["PersonOwnerRebuildJob"].added == PERSONS

    stack = json.loads((command_line.home.folder / "stack.json").read_text())
    documents = httpx.get(f"{stack['elasticsearch_url']}/persons/_count", trust_env=False).json()["count"]
    assert first["PersonElasticSearchSyncJob"].read == first["PersonElasticSearchSyncJob"].added == documents
    assert f"The alias persons has {documents:,} documents." in output
    assert stack["airflow_url"] in output
    assert stack["password"] not in output, "a password is shown on a terminal only"
    assert f"All {len(JOBS)} jobs succeeded." in output
    assert command_line.listening_addresses() == {HOST}

    code, output = command_line.run("run")
    assert code == 0, output
    second = table(output)
    assert list(second) == NAMES, output
    for name, row in second.items():
        assert row == Row("success", row.read, 0, 0, 0, unchanged=row.read), name

    # The processes that each has started are left running, among them the workers of the scheduler.
    services = command_line.look().values()
    children = [child for service in services for child in psutil.Process(service.pid).children(recursive=True)]
    for service in services:
        psutil.Process(service.pid).kill()
    code, output = command_line.run("up")
    assert code == 0, output
    assert psutil.wait_procs(children, timeout=10)[1] == []
    with psycopg.connect(json.loads((command_line.home.folder / "stack.json").read_text())["tcs_dsn"]) as connection:
        assert connection.execute("SELECT count(*) FROM person").fetchone() == (PERSONS,)

    code, output = command_line.run("down")
    assert code == 0, output
    assert command_line.left_running() == []
    assert not (command_line.home.folder / "stack.json").exists()
    assert all(is_free(int(command_line.environment[name])) for name in command_line.environment if "_PORT" in name)
