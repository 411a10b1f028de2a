"""The compose command itself accepts docker-compose.yaml, in every profile. It needs no Docker Engine."""

import subprocess
from collections.abc import Sequence

import pytest

from tests.deployment.compose_file import ROOT, SERVICES
from tests.deployment.tools import compose_command

# The combinations of profiles that docs/deployment.md offers.
COMBINATIONS = (
    (),
    ("embedded-servers",),
    ("demo",),
    ("celery",),
    ("monitoring",),
    ("celery", "monitoring"),
    ("embedded-servers", "celery", "monitoring"),
    ("demo", "celery", "monitoring"),
)


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command with the settings that deploy/make_env.sh makes."""
    folder = tmp_path_factory.mktemp("compose")
    command = compose_command(folder)
    made = subprocess.run([ROOT / "deploy" / "make_env.sh"], capture_output=True, text=True, check=True)
    (folder / ".env").write_text(made.stdout, encoding="utf-8")
    return [*command, "--env-file", str(folder / ".env"), "--file", str(ROOT / "docker-compose.yaml")]


@pytest.mark.parametrize("profiles", COMBINATIONS, ids=lambda profiles: "+".join(profiles) or "no profile")
def test_compose_reads_the_file_without_a_warning(compose: list[str], profiles: Sequence[str]) -> None:
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    result = subprocess.run([*compose, *chosen, "config", "--services"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    wanted = {
        name
        for name, service in SERVICES.items()
        if not service.get("profiles") or set(profiles) & set(service["profiles"])
    }
    assert set(result.stdout.split()) == wanted
