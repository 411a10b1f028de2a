"""The script that runs all tests on a fresh clone leaves nothing behind when it is stopped."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.processes import OWNER_VARIABLE, stop_owned
from tests.command_line import ROOT
from tests.waiting import wait_for

# Instead of tests: a command that waits, and a server in a session of its own.
MAKEFILE = """
python venv:
\t@
test test-night test-browser test-deployment:
\t@setsid sh server.sh $$$$ & sleep 600
"""

# It ends a second after the command, and notes whether its folder was still there.
SERVER = """
while kill -0 "$1"; do sleep 0.1; done
sleep 1
test -d "$HOME" && echo ended >>"$TMPDIR/ended"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the script and that Makefile."""
    folder = tmp_path / "checkout"
    (folder / ".ci").mkdir(parents=True)
    (folder / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "server.sh").write_text(SERVER)
    git = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=All"]):
        subprocess.run([*git, *arguments], check=True)
    return folder


@pytest.fixture
def run(checkout: Path, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The script, when its tests have started their servers."""
    programs, scratch = tmp_path / "bin", tmp_path / "scratch"
    scratch.mkdir()
    programs.mkdir()
    for name in ("pgbouncer", "nginx", "prometheus", "promtool", "chromium"):  # else it would install them
        (programs / name).symlink_to("/bin/true")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(scratch)}
    environment.pop("SYNC_BROWSER", None)
    with subprocess.Popen(["bash", checkout / ".ci" / "run"], env=environment) as process:
        try:
            wait_for("four commands and four servers", lambda: len(started(scratch)) == 8, seconds=60)
            yield process
        finally:
            process.kill()
            for folder in scratch.iterdir():
                stop_owned(str(folder), patience=1)


def started(scratch: Path) -> list[psutil.Process]:
    """The commands and servers that the script has started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it ended meanwhile, or belongs to another user
            owner = process.environ().get(OWNER_VARIABLE, "")
            if owner.startswith(str(scratch)) and process.cmdline()[:2] in (["sleep", "600"], ["sh", "server.sh"]):
                found.append(process)
    return found


def test_a_signal_stops_all_servers_before_the_folder_is_deleted(
    run: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    run.terminate()
    assert run.wait(60) == 143
    assert started(scratch) == []
    assert (scratch / "ended").read_text() == "ended\n" * 4
    assert [path.name for path in scratch.iterdir()] == ["ended"]
