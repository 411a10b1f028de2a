"""The settings of the local stack."""

from pathlib import Path

import pytest

from local.errors import StackError
from local.settings import DEFAULT_HOME, Settings, read_settings


def test_settings_that_are_not_given_have_defaults() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({"SYNC_HOME": "", "SYNC_AIRFLOW_PORT": "", "SYNC_DEMO_PERSONS": ""}) == Settings()
    assert DEFAULT_HOME.name == ".local"


def test_all_settings_are_read() -> None:
    settings = read_settings(
        {
            "SYNC_HOME": "/somewhere/else",
            "SYNC_POSTGRES_PORT": "1",
            "SYNC_ELASTICSEARCH_PORT": "9201",
            "SYNC_AIRFLOW_PORT": "65535",
            "SYNC_DEMO_PERSONS": "0",
            "SYNC_ELASTICSEARCH_HEAP": "512m",
            "SYNC_RECOVERY_WINDOW": "22:00-06:00",
        }
    )
    assert settings == Settings(Path("/somewhere/else"), 1, 9201, 65535, 0, "512m", "22:00-06:00")


def test_a_relative_home_is_below_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings({"SYNC_HOME": "mine"}).home == tmp_path / "mine"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SYNC_HOME", "/data/$HOME"),
        ("SYNC_POSTGRES_PORT", "0"),
        ("SYNC_POSTGRES_PORT", "65536"),
        ("SYNC_ELASTICSEARCH_PORT", "http"),
        ("SYNC_AIRFLOW_PORT", "80 80"),
        ("SYNC_DEMO_PERSONS", "-1"),
        ("SYNC_DEMO_PERSONS", "1e6"),
        ("SYNC_DEMO_PERSONS", "9" * 30),
        ("SYNC_ELASTICSEARCH_HEAP", "much"),
        ("SYNC_RECOVERY_WINDOW", "at night"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(StackError) as error:
        read_settings({name: value})
    assert name in str(error.value)
    assert repr(value) in str(error.value)
