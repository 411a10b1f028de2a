"""Settings of the local stack, from environment variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import StackError
from sync_airflow.time_window import OFF, parse_window

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_HOME = ROOT / ".local"
DEFAULT_DEMO_PERSONS = 20_000
DEFAULT_HEAP = "1g"

POSTGRES_PORT = "SYNC_POSTGRES_PORT"
ELASTICSEARCH_PORT = "SYNC_ELASTICSEARCH_PORT"
AIRFLOW_PORT = "SYNC_AIRFLOW_PORT"


@dataclass(frozen=True)
class Settings:
    """home: folder of all data of the stack. Ports: None if not set. heap: as Java writes it.

    recovery_window: see sync_airflow.settings. Off by default, because `make run` runs recovery itself.
    """

    home: Path = DEFAULT_HOME
    postgres_port: int | None = None
    elasticsearch_port: int | None = None
    airflow_port: int | None = None
    demo_persons: int = DEFAULT_DEMO_PERSONS
    heap: str = DEFAULT_HEAP
    recovery_window: str = OFF


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in the variables SYNC_*. An empty value counts as not set. Raises StackError for an invalid one."""
    return Settings(
        home=read_home(environment),
        postgres_port=_port(environment, POSTGRES_PORT),
        elasticsearch_port=_port(environment, ELASTICSEARCH_PORT),
        airflow_port=_port(environment, AIRFLOW_PORT),
        demo_persons=_whole_number(environment, "SYNC_DEMO_PERSONS", 0, 100_000_000, DEFAULT_DEMO_PERSONS),
        heap=_heap(environment, "SYNC_ELASTICSEARCH_HEAP"),
        recovery_window=_window(environment, "SYNC_RECOVERY_WINDOW"),
    )


def read_home(environment: Mapping[str, str]) -> Path:
    """The folder of all data of the stack, from SYNC_HOME alone: for commands that need no other setting."""
    home = environment.get("SYNC_HOME")
    if home and "$" in home:  # Airflow replaces variables in its settings
        raise StackError(f"SYNC_HOME must be a path without a dollar sign, not {home!r}.")
    return Path(home).expanduser().absolute() if home else DEFAULT_HOME


def _port(environment: Mapping[str, str], name: str) -> int | None:
    return _whole_number(environment, name, 1, 65_535, 0) or None


def _whole_number(environment: Mapping[str, str], name: str, lowest: int, highest: int, default: int) -> int:
    value = environment.get(name, "").strip()
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", value) or not lowest <= int(value) <= highest:
        raise StackError(f"{name} must be a whole number from {lowest} to {highest}, not {value!r}.")
    return int(value)


def _heap(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip() or DEFAULT_HEAP
    if not re.fullmatch(r"[1-9][0-9]*[mg]", value):
        raise StackError(f"{name} must be a size such as 512m or 4g, not {value!r}.")
    return value


def _window(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip() or OFF
    try:
        parse_window(value)
    except ValueError as error:
        raise StackError(f"{name}: {error}.") from None
    return value
