"""The local Elasticsearch: its tuning by the size of its data, and its locale."""

import locale
import subprocess
import sys
from pathlib import Path

import pytest

from local.elasticsearch import QUICK_BYTES, QUICK_PERSONS, Elasticsearch, environment
from local.elasticsearch_node import unusable_path
from tests.command_line import ROOT


@pytest.fixture
def node(tmp_path: Path) -> Elasticsearch:
    return Elasticsearch(tmp_path / "elasticsearch", tmp_path / "log", 9200)


def test_a_node_for_few_persons_is_tuned_for_a_quick_start(node: Elasticsearch) -> None:
    assert node.tuned(QUICK_PERSONS).quick


def test_a_node_for_many_persons_is_tuned_for_large_indexes(node: Elasticsearch) -> None:
    assert not node.tuned(QUICK_PERSONS + 1).quick


def test_a_node_that_holds_much_data_is_tuned_for_large_indexes(node: Elasticsearch) -> None:
    (node.home / "data").mkdir(parents=True)
    with (node.home / "data" / "segment").open("wb") as file:
        file.truncate(QUICK_BYTES + 1)
    assert not node.tuned(20_000).quick


def test_java_gets_a_locale_for_all_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    assert environment()["LC_ALL"] == "C.UTF-8"


def test_a_node_ends_with_that_line_before_java_starts(tmp_path: Path) -> None:
    """Where the locale C.UTF-8 does not exist, paths are encoded as ASCII."""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "local.elasticsearch_node", "--home", str(tmp_path / "Zoë"), "--port", "1"]
    done = subprocess.run(command, cwd=ROOT, env=ascii_only, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Java cannot use the path ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("codeset", "usable"), [("UTF-8", True), ("ANSI_X3.4-1968", False)])
def test_a_path_that_java_cannot_use_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, codeset: str, usable: bool
) -> None:
    monkeypatch.setattr(locale, "nl_langinfo", lambda _: codeset)
    assert unusable_path([Path("/plain")]) is None
    reason = unusable_path([Path("/plain"), Path("/Zoë")])
    if usable:
        assert reason is None
    else:
        assert reason
        assert reason.startswith(r"Java cannot use the path '/Zo\xeb' in the encoding ANSI_X3.4-1968")
        assert "\n" not in reason
