"""The locks of the extras agree with requirements.txt and with each other."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
EXTRAS = ("fab", "celery", "kubernetes", "amazon", "keycloak", "statsd")
NO_REGISTRY = re.compile(r"Failed to fetch|error sending request|Could not connect|dns error", re.IGNORECASE)


def locked(lock: str) -> set[str]:
    """The packages of a lock, as `name==version` with their markers."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {line.rstrip(" \\") for line in text.splitlines() if re.match(r"[a-z0-9].*==", line)}


def name_of(package: str) -> str:
    return package.split("==", maxsplit=1)[0]


def test_every_extra_has_a_lock_that_make_lock_renews() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"extras = {' '.join(EXTRAS)}\n" in makefile
    assert {path.stem for path in ROOT.glob("requirements-*.in")} == {
        f"requirements-{name}" for name in (*EXTRAS, "dev")
    }


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_lock_of_an_extra_has_only_what_it_adds(extra: str) -> None:
    added = {name_of(package) for package in locked(f"requirements-{extra}.txt")}
    assert added
    # A package that requirements.txt has only for some platforms may be needed on others.
    assert added & {name_of(package) for package in locked("requirements.txt") if ";" not in package} == set()


def test_extras_that_share_a_package_have_one_version_of_it() -> None:
    versions: dict[str, set[frozenset[str]]] = defaultdict(set)
    for extra in EXTRAS:
        packages: dict[str, set[str]] = defaultdict(set)
        for package in locked(f"requirements-{extra}.txt"):
            packages[name_of(package)].add(package.partition(" ;")[0])
        for name, lines in packages.items():
            versions[name].add(frozenset(lines))
    assert {name: lines for name, lines in versions.items() if len(lines) > 1} == {}


def test_main_lock_and_all_extras_resolve_together() -> None:
    """The extras of Airflow that a deployment may want: they only have to resolve, so nothing is installed."""
    wanted = "fab,celery,cncf-kubernetes,amazon,keycloak,redis,statsd,otel"
    locks = ["requirements.txt", *(f"requirements-{extra}.txt" for extra in EXTRAS)]
    command = [str(UV), "pip", "compile", "--universal", "--python-version", "3.11", "--no-header", "--quiet", "-"]
    for lock in locks:
        command += ["--constraint", lock]
    result = subprocess.run(
        command, cwd=ROOT, input=f"apache-airflow[{wanted}]==3.3.2\n", capture_output=True, text=True, check=False
    )
    if NO_REGISTRY.search(result.stderr):
        pytest.skip("the package registry cannot be reached")
    assert result.returncode == 0, result.stderr
