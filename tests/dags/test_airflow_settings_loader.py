"""airflow_settings.yaml is loaded into the metadata database completely, or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from airflow.models.base import Base
from airflow.models.connection import Connection
from airflow.models.variable import Variable
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from sync_airflow import airflow_settings_loader
from sync_airflow.airflow_settings_loader import SettingsError, fill_in, main

SETTINGS = """
airflow:
  connections:
    - conn_id: tcs_postgres
      conn_type: postgres
      conn_host: ${HOST}
      conn_port: ${PORT}
      conn_schema: tcs
      conn_login: sync_jobs
      conn_password: pass ${SECRET} word
      conn_extra: {sslmode: "${MODE}"}
    - {conn_id: tcs_elasticsearch, conn_type: elasticsearch, conn_host: search, conn_port: 9200, conn_extra: ""}
  variables:
    - {variable_name: date_of_change_override, variable_value: ""}
    - {variable_name: as_json, variable_value: {"a": 1}}
"""
ENVIRONMENT = {"HOST": "db", "PORT": "5433", "SECRET": "s%3A/&é", "MODE": "require"}

Row = TypeVar("Row", Connection, Variable)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """A metadata database with the two tables, in place of Airflow's."""
    engine = create_engine(f"sqlite:///{tmp_path / 'metadata.db'}")
    Base.metadata.create_all(engine, tables=[model.__table__ for model in (Connection, Variable)])

    @contextmanager
    def create_session() -> Iterator[Session]:
        with Session(engine) as session, session.begin():
            yield session

    monkeypatch.setattr(airflow_settings_loader, "create_session", create_session)
    monkeypatch.setattr(Variable, "check_for_write_conflict", lambda **_: None)
    return engine


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "airflow_settings.yaml"
    path.write_text(SETTINGS, encoding="utf-8")
    return str(path)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def rows(engine: Engine, model: type[Row]) -> Sequence[Row]:
    with Session(engine, expire_on_commit=False) as session:
        return session.scalars(select(model).order_by(model.id)).all()


@pytest.mark.usefixtures("environment")
def test_all_entries_are_loaded_with_values_from_the_environment(engine: Engine, path: str) -> None:
    main(path)
    postgres, elasticsearch = rows(engine, Connection)
    assert (postgres.conn_id, postgres.conn_type, postgres.host, postgres.port) == (
        "tcs_postgres",
        "postgres",
        "db",
        5433,
    )
    assert (postgres.schema, postgres.login, postgres.password) == ("tcs", "sync_jobs", "pass s%3A/&é word")
    assert postgres.extra_dejson == {"sslmode": "require"}
    assert (elasticsearch.conn_id, elasticsearch.host, elasticsearch.port) == ("tcs_elasticsearch", "search", 9200)
    assert {variable.key: variable.val for variable in rows(engine, Variable)} == {
        "date_of_change_override": "",
        "as_json": '{"a": 1}',
    }


@pytest.mark.usefixtures("environment")
def test_entries_with_the_same_id_are_replaced(engine: Engine, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    main(path)
    monkeypatch.setenv("HOST", "another")
    main(path)
    assert [(row.conn_id, row.host) for row in rows(engine, Connection)] == [
        ("tcs_postgres", "another"),
        ("tcs_elasticsearch", "search"),
    ]
    assert len(rows(engine, Variable)) == 2


@pytest.mark.usefixtures("engine", "environment")
def test_each_entry_is_printed_without_secrets(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(path)
    assert capsys.readouterr().out.splitlines() == [
        "connection tcs_postgres: postgres at db",
        "connection tcs_elasticsearch: elasticsearch at search",
        "variable date_of_change_override",
        "variable as_json",
    ]


@pytest.mark.usefixtures("environment")
def test_all_names_missing_in_the_environment_are_reported_and_nothing_is_written(
    engine: Engine, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET")
    monkeypatch.delenv("MODE")
    with pytest.raises(SettingsError, match=r"Not set in the environment: MODE, SECRET\. Nothing was written\."):
        main(path)
    assert rows(engine, Connection) == []


@pytest.mark.usefixtures("environment")
def test_a_failure_in_the_middle_changes_nothing(engine: Engine, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Variable, "set", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(path)
    assert rows(engine, Connection) == []


def test_values_of_the_environment_are_taken_literally() -> None:
    assert fill_in(["${A}-${B}", {"x": "${A}"}, 5, None], {"A": "${B}", "B": "\\1"}) == [
        "${B}-\\1",
        {"x": "${B}"},
        5,
        None,
    ]
