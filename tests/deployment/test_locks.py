"""The locks install into an empty environment, and no package in them has a known vulnerability."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.deployment.compose_file import ROOT
from tests.unit.test_requirements import EXTRAS, NO_REGISTRY, UV

# What pip-audit says if it cannot ask.
NO_DATABASE = re.compile(r"ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError")

PYPI = "https://pypi.org/pypi/{}/json"
PIN = re.compile(r"[\w.-]+==\S+")


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
    """By pip-audit, which asks the database of OSV. Where that cannot be reached, PyPI is asked."""
    audit = [str(UV), "tool", "run", "pip-audit", "--vulnerability-service", "osv", "--disable-pip", "--require-hashes"]
    locks = [ROOT / "requirements.txt", *(ROOT / f"requirements-{extra}.txt" for extra in ("fab", "celery", "statsd"))]
    files = [word for lock in locks for word in ("--requirement", str(lock))]
    done = subprocess.run([*audit, *files], capture_output=True, text=True, check=False, timeout=240)
    if done.returncode and (NO_DATABASE.search(done.stderr) or NO_REGISTRY.search(done.stderr)):
        checked, others = newest_without_vulnerability(locks)
        pytest.skip(
            f"OSV cannot be reached: make test-deployment asks it where it can be. PyPI names no vulnerability of "
            f"{checked} packages of the locks; it has a newer version than the lock of {others}, which were not checked"
        )
    assert done.returncode == 0, done.stdout + done.stderr


def newest_without_vulnerability(locks: list[Path]) -> tuple[int, int]:
    """How many packages are locked in their newest version, which has no known vulnerability, and how many are not.

    PyPI's page of a package has the vulnerabilities of its newest version. Skips the test if PyPI cannot be reached.
    """
    pins = [line.split()[0] for lock in locks for line in lock.read_text("utf-8").splitlines() if PIN.match(line)]
    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(4) as threads:
        try:
            pages = list(
                threads.map(lambda pin: client.get(PYPI.format(pin.partition("==")[0])).raise_for_status(), pins)
            )
        except httpx.HTTPError as error:
            pytest.skip(f"no database of vulnerabilities can be reached: {error}")
    found = {pin: page.json() for pin, page in zip(pins, pages, strict=True)}
    newest = [page for pin, page in found.items() if pin.partition("==")[2] == page["info"]["version"]]
    assert [(page["info"]["name"], page["vulnerabilities"]) for page in newest if page["vulnerabilities"]] == []
    return len(newest), len(found) - len(newest)
