"""Servers of the tests do not outlive them, even if a process of the tests is killed."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.processes import OWNER_VARIABLE, processes_owned_by, stop_owned
from tests.command_line import ROOT
from tests.waiting import wait_for

# It notes its process id and starts a service with a child. Both are in sessions of their own.
WITH_SERVICE = """
import os, time
from pathlib import Path
from local.processes import Service


def test_with_service():
    folder = Path(__file__).parent
    (folder / "worker").write_text(str(os.getpid()))
    command = ["sh", "-c", "setsid sleep 600 & sleep 600"]
    Service("A service", folder / "log").start(command, {"PATH": os.environ["PATH"]}, folder)
    time.sleep(600)
"""

SOON = 60  # seconds; on an idle machine it takes five
OWNER = f"{os.environ[OWNER_VARIABLE]}/session"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[dict[str, psutil.Process]]:
    """The processes of a session of tests with one parallel worker, which has a service with a child."""
    file = tmp_path / "test_with_service.py"
    file.write_text(WITH_SERVICE)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--numprocesses=1", f"--rootdir={tmp_path}"]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, file],
        cwd=tmp_path,
        env={**os.environ, OWNER_VARIABLE: OWNER, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
    ) as controller:
        try:
            wait_for("the service and its child", lambda: running().count("sleep") == 2, seconds=120)
            worker = int((tmp_path / "worker").read_text())
            yield {"controller": psutil.Process(controller.pid), "worker": psutil.Process(worker)}
        finally:
            controller.kill()
            stop_owned(OWNER, patience=1)


def running() -> list[str]:
    """The names of all processes of the session."""
    names = []
    for process in processes_owned_by(OWNER).values():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            names.append(process.name())
    return names


@pytest.mark.parametrize("killed", [("worker",), ("controller",), ("controller", "worker")])
def test_nothing_is_left_of_tests_that_were_killed(session: dict[str, psutil.Process], killed: tuple[str, ...]) -> None:
    for name in killed:
        session[name].kill()
    if killed == ("worker",):  # the controller starts another one, which has nothing to do
        wait_for("the end of the service", lambda: "sleep" not in running(), seconds=SOON)
    else:
        wait_for("the end of all processes", lambda: not running(), seconds=SOON)
