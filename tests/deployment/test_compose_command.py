"""The compose command itself accepts docker-compose.yaml, in every profile. It needs no Docker Engine."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.deployment.compose_file import ROOT, SERVICES

# The command, where it is not `docker compose`: docs/reference/local-stack.md, "Commands".
COMMAND = shlex.split(os.environ.get("SYNC_COMPOSE", "docker compose"))
PROFILES = ("", "embedded-servers", "demo", "celery", "monitoring")


def has_compose() -> bool:
    try:
        return subprocess.run([*COMMAND, "version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not has_compose():
        pytest.skip(f"{' '.join(COMMAND)} does not run here: name the command in SYNC_COMPOSE")
    path = tmp_path_factory.mktemp("compose") / ".env"
    made = subprocess.run([ROOT / "deploy" / "make_env.sh"], capture_output=True, text=True, check=True)
    path.write_text(made.stdout, encoding="utf-8")
    return path


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_reads_the_file_without_a_warning(env_file: Path, profile: str) -> None:
    profiles = ["--profile", profile] if profile else []
    command = [*COMMAND, "--env-file", str(env_file), *profiles, "--file", str(ROOT / "docker-compose.yaml"), "config"]
    result = subprocess.run([*command, "--services"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    wanted = {
        name for name, service in SERVICES.items() if not service.get("profiles") or profile in service["profiles"]
    }
    assert set(result.stdout.split()) == wanted
