"""What make does before Python starts.

make status, make down and make clean install nothing: they say what is true of the virtual environment.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile alone."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make(clone: Path, target: str) -> tuple[int, str]:
    done = subprocess.run(["make", "--silent", target], cwd=clone, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(("target", "succeeds"), [("status", False), ("down", True), ("clean", True)])
def test_without_a_virtual_environment_nothing_is_installed(clone: Path, target: str, succeeds: bool) -> None:
    code, said = make(clone, target)
    assert (code == 0, said) == (succeeds, "Nothing is installed here yet.\n")


@pytest.mark.parametrize("target", ["status", "down", "clean"])
@pytest.mark.parametrize("fault", ["dangling", "another Python", "interrupted", "dangling folder"])
def test_a_virtual_environment_that_cannot_be_used_is_named_with_the_remedy(
    clone: Path, target: str, fault: str
) -> None:
    venv = clone / ".venv"
    if fault == "dangling folder":
        venv.symlink_to(clone / "removed")
    else:
        (venv / "bin").mkdir(parents=True)
        python = {"dangling": "/removed/python3", "another Python": sys.executable, "interrupted": sys.executable}
        (venv / "bin" / "python").symlink_to(python[fault])
        if fault != "interrupted":
            (venv / "installed-requirements.txt").touch()
    code, said = make(clone, target)
    assert code != 0
    assert ".venv cannot be used" in said
    assert f"Run make venv to rebuild it, then make {target} again." in said
    assert "Nothing is installed" not in said


def test_python_keeps_the_modules_that_it_has_compiled(clone: Path) -> None:
    command = ["make", "--silent", "--eval", "show:; @printenv PYTHONDONTWRITEBYTECODE", "show"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == ""
