"""make status, make down and make clean install nothing, and say if the virtual environment cannot be used."""

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


@pytest.mark.parametrize("name", ["PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONINSPECT", "PYTHONDONTWRITEBYTECODE"])
def test_settings_of_python_have_no_effect(clone: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "another's")
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (clone / ".venv" / "installed-requirements.txt").touch()
    python.write_text("#!/bin/sh\nenv\n")
    python.chmod(0o755)
    code, said = make(clone, "status")
    assert code == 0
    assert "PYTHONPATH=plugins:." in said
    assert "another's" not in said
