"""A clone with core.autocrlf=true gets the line endings of the repository: sh cannot run a script with others."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command_line import ROOT

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.mark.parametrize("settings", [{"core.autocrlf": "true"}, {"core.autocrlf": "input", "core.eol": "crlf"}])
def test_a_clone_that_converts_line_endings_can_run_its_scripts(tmp_path: Path, settings: dict[str, str]) -> None:
    original, clone = tmp_path / "original", tmp_path / "clone"
    (original / "local").mkdir(parents=True)
    for file in (".gitattributes", "local/virtual_environment.sh", "requirements.txt"):
        shutil.copy(ROOT / file, original / file)
    author = {"user.name": "Test", "user.email": "test@tests.example", "commit.gpgsign": "false"}
    commands: list[list[str | Path]] = [
        ["init", "--quiet", original],
        ["-C", original, "add", "."],
        ["-C", original, *options(author), "commit", "--quiet", "--message=All"],
        [*options(settings), "clone", "--quiet", original, clone],
    ]
    for command in commands:
        subprocess.run(["git", *command], check=True)
    for file in ("local/virtual_environment.sh", "requirements.txt"):
        assert (clone / file).read_bytes() == (ROOT / file).read_bytes()


def options(settings: dict[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
