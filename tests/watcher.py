"""Stops what a process of the tests has started, once that process has ended, even if it was killed.

    python -m tests.watcher ID OWNER

ID: of the process to watch. OWNER: in the environment of all that it starts (local.processes.OWNER_VARIABLE).

Without it, servers would stay: they run in sessions of their own, which no signal to a process group reaches.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from local.processes import KEPT_ENVIRONMENT, OWNER_VARIABLE, stop_owned

ROOT = Path(__file__).resolve().parents[1]
POLL_SECONDS = 0.5


def watch_this_process() -> None:
    """Make this process the owner of all that it starts, and start a watcher. Call it before anything is started."""
    within = os.environ.get(OWNER_VARIABLE)  # of the process that started this one, which is watched, too
    token = secrets.token_hex(8)
    owner = os.environ[OWNER_VARIABLE] = f"{within}/{token}" if within else token
    os.environ.update(KEPT_ENVIRONMENT)
    command = [sys.executable, "-m", "tests.watcher", str(os.getpid()), owner]
    watcher = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    watcher.returncode = 0  # it ends after this process: nobody waits for it


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends when its work is done
    with contextlib.suppress(psutil.NoSuchProcess):
        watched = psutil.Process(int(sys.argv[1]))
        while watched.is_running() and watched.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL_SECONDS)
    stop_owned(sys.argv[2])


if __name__ == "__main__":
    main()
