"""The locks install into an empty environment, and no package in them has a known vulnerability."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment.compose_file import ROOT
from tests.unit.test_requirements import EXTRAS, NO_REGISTRY, UV

# What pip-audit says if it cannot ask.
NO_DATABASE = re.compile(r"ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError")


@pytest.mark.slow
def test_main_lock_and_the_extras_of_the_image_install_into_an_empty_environment(tmp_path: Path) -> None:
    """As the Dockerfile does it: with hashes, then a check that all requirements are met."""
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, python.parents[1]], check=True)
    locks = ["requirements.txt", *(f"requirements-{extra}.txt" for extra in EXTRAS)]
    files = [word for lock in locks for word in ("--requirement", str(ROOT / lock))]
    install = [str(UV), "pip", "install", "--quiet", "--require-hashes", "--python", str(python), *files]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if NO_REGISTRY.search(done.stderr):
        pytest.skip("the package registry cannot be reached")
    assert done.returncode == 0, done.stderr
    subprocess.run([UV, "pip", "check", "--quiet", "--python", python], check=True)


def test_no_known_vulnerability() -> None:
    """By pip-audit, which asks the database of OSV."""
    audit = [str(UV), "tool", "run", "pip-audit", "--vulnerability-service", "osv", "--disable-pip", "--require-hashes"]
    locks = ["requirements.txt", *(f"requirements-{extra}.txt" for extra in ("fab", "celery", "statsd"))]
    files = [word for lock in locks for word in ("--requirement", str(ROOT / lock))]
    done = subprocess.run([*audit, *files], capture_output=True, text=True, check=False, timeout=240)
    if done.returncode and (NO_DATABASE.search(done.stderr) or NO_REGISTRY.search(done.stderr)):
        pytest.skip("the database of vulnerabilities cannot be reached: make test-deployment asks it where it can be")
    assert done.returncode == 0, done.stdout + done.stderr
