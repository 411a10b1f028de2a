"""A process of Airflow that starts says which metrics, spans and messages are lost; its log can be JSON."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from airflow.jobs.job import Job

from sync_airflow.monitoring import listener
from sync_airflow.monitoring.settings_check import what_is_lost
from tests.dags.conftest import ROOT

WITHOUT_PACKAGE = "Monitoring: All metrics are lost: AIRFLOW__METRICS__STATSD_ON is set, but the Python package statsd"


def test_a_dag_processor_with_statsd_and_without_its_package_says_so_in_its_log_which_is_json(
    tmp_path: Path, metadata: Path
) -> None:
    with closing(sqlite3.connect(metadata)) as database, closing(sqlite3.connect(tmp_path / "airflow.db")) as copy:
        database.backup(copy)
    # A package of that name may be installed: this one cannot be imported.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'statsd' else find(name, package)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "plugins")]),
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__LOGGING__JSON_LOGS": "True",
        "AIRFLOW__TIS_SYNC__NOTIFIERS": "[",
    }

    command = [sys.executable, "-m", "airflow", "dag-processor", "--num-runs", "1"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    lines = [line for line in ended.stdout.splitlines() if line]
    events = [json.loads(line) for line in lines]
    errors = [event["event"] for event in events if event["level"] == "error"]
    assert any(error.startswith(WITHOUT_PACKAGE) for error in errors), errors
    assert any(error.startswith("Messages: AIRFLOW__TIS_SYNC__NOTIFIERS: expected a JSON list") for error in errors)


def test_a_task_does_not_repeat_it(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    what_is_lost.cache_clear()
    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    listener.on_starting(object())
    assert caplog.text == ""
    listener.on_starting(Job())
    assert "Monitoring: All metrics are lost" in caplog.text
    what_is_lost.cache_clear()
