"""The environment of the local stack's Airflow."""

from pathlib import Path

import pytest

from local.airflow import Airflow
from local.home import new_secrets


@pytest.mark.parametrize(
    "name",
    ["AIRFLOW_HOME", "AIRFLOW__CORE__EXECUTOR", "AIRFLOW_CONN_TCS_POSTGRES", "_AIRFLOW_PROCESS_CONTEXT", "PYTHONPATH"],
)
def test_settings_of_another_airflow_are_dropped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv(name, "another's")
    monkeypatch.setenv("LANG", "C.UTF-8")
    airflow = Airflow(tmp_path, tmp_path / "logs", 8080, "postgresql://", new_secrets(), {})
    assert airflow.environment().get(name) != "another's"
    assert airflow.environment()["LANG"] == "C.UTF-8"


def test_the_key_of_tokens_is_as_long_as_the_signature_needs() -> None:
    assert len(new_secrets()["jwt_secret"].encode()) >= 64  # bytes, for HMAC with SHA-512
