"""Load connections and variables from an airflow_settings.yaml into Airflow's metadata database.

    python -m sync_airflow.airflow_settings_loader airflow_settings.yaml

The format is that of the Astro CLI. Entries with the same id are replaced, all in one transaction. ${NAME} in a value
is replaced from the environment; if a name is missing there, nothing is written.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from airflow.models.connection import Connection
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from sqlalchemy import delete
from sqlalchemy.orm import Session

_NAME = re.compile(r"\$\{(\w+)\}")


class SettingsError(Exception):
    """The file cannot be loaded. The text says what is missing; nothing was written."""


def main(path: str) -> None:
    """Load the file and print one line per entry, without secrets. Raises SettingsError."""
    settings = fill_in(yaml.safe_load(Path(path).read_text(encoding="utf-8")), os.environ)["airflow"]
    with create_session() as session:
        for entry in settings.get("connections") or ():
            replace_connection(session, entry)
            print(f"connection {entry['conn_id']}: {entry['conn_type']} at {entry.get('conn_host') or 'no host'}")
        for entry in settings.get("variables") or ():
            Variable.set(entry["variable_name"], _text(entry["variable_value"]), session=session)
            print(f"variable {entry['variable_name']}")


def fill_in(value: Any, environment: Mapping[str, str]) -> Any:
    """The value with every ${NAME} in its texts, at any depth, replaced. Raises SettingsError."""
    missing = sorted({name for name in _NAME.findall(json.dumps(value)) if name not in environment})
    if missing:
        raise SettingsError(f"Not set in the environment: {', '.join(missing)}. Nothing was written.")
    if isinstance(value, dict):
        return {key: fill_in(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, environment) for item in value]
    return _NAME.sub(lambda match: environment[match[1]], value) if isinstance(value, str) else value


def replace_connection(session: Session, entry: Mapping[str, Any]) -> None:
    """Store a connection, in place of one with the same id."""
    port, extra = entry.get("conn_port"), entry.get("conn_extra")
    session.execute(delete(Connection).where(Connection.conn_id == entry["conn_id"]))
    session.add(
        Connection(
            conn_id=entry["conn_id"],
            conn_type=entry["conn_type"],
            host=entry.get("conn_host"),
            schema=entry.get("conn_schema"),
            login=entry.get("conn_login"),
            password=_text(entry.get("conn_password")),
            port=int(port) if port else None,
            extra=_text(extra) if extra else None,
        )
    )


def _text(value: Any) -> str | None:
    """As Airflow stores it: a text unchanged, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m sync_airflow.airflow_settings_loader airflow_settings.yaml")
    try:
        main(sys.argv[1])
    except SettingsError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
