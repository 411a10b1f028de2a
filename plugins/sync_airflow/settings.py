"""Settings of a deployment, in the section tis_sync of Airflow's configuration.

    [tis_sync]                          in airflow.cfg, or in the environment:
    recovery_window = 00:00-07:00       AIRFLOW__TIS_SYNC__RECOVERY_WINDOW
    recovery_skips_fine_night = False   AIRFLOW__TIS_SYNC__RECOVERY_SKIPS_FINE_NIGHT
    index_alarm_at = 07:00              AIRFLOW__TIS_SYNC__INDEX_ALARM_AT
    maximum_run_date_days = 366         AIRFLOW__TIS_SYNC__MAXIMUM_RUN_DATE_DAYS
    notifiers = []                      AIRFLOW__TIS_SYNC__NOTIFIERS (sync_airflow.messages.notifiers)

They are not Airflow variables, because starting the scheduler and parsing DAG files must not need the database.
"""

from __future__ import annotations

from datetime import time

from airflow.configuration import conf

from sync_airflow.time_window import OFF, TimeWindow, parse_minute, parse_window

SECTION = "tis_sync"

RECOVERY_WINDOW = "recovery_window"
DEFAULT_RECOVERY_WINDOW = "00:00-07:00"
RECOVERY_SKIPS_FINE_NIGHT = "recovery_skips_fine_night"
DEFAULT_RECOVERY_SKIPS_FINE_NIGHT = "False"
INDEX_ALARM_AT = "index_alarm_at"
DEFAULT_INDEX_ALARM_AT = "07:00"
MAXIMUM_RUN_DATE_DAYS = "maximum_run_date_days"
DEFAULT_MAXIMUM_RUN_DATE_DAYS = "366"
NOTIFIERS = "notifiers"


def recovery_window() -> TimeWindow | None:
    """When a scheduler that starts triggers recovery; None: never. Raises ValueError, which names the setting."""
    text = conf.get(SECTION, RECOVERY_WINDOW, fallback=DEFAULT_RECOVERY_WINDOW)
    try:
        return parse_window(text)
    except ValueError as error:
        raise ValueError(f"{variable(RECOVERY_WINDOW)}: {error}") from None


def recovery_skips_fine_night() -> bool:
    """Whether a restart leaves a night alone in which all jobs are done. Raises ValueError, which names the setting.

    False is the contract: all jobs run, including those that have already run that night (docs/domain.md, "Restart").
    """
    text = conf.get(SECTION, RECOVERY_SKIPS_FINE_NIGHT, fallback=DEFAULT_RECOVERY_SKIPS_FINE_NIGHT).strip()
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{variable(RECOVERY_SKIPS_FINE_NIGHT)}: {text!r}: expected True or False")
    return text.lower() == "true"


def index_alarm_at() -> time | None:
    """When the age of the search index is checked, in UTC; None: never. Raises ValueError, which names the setting."""
    text = conf.get(SECTION, INDEX_ALARM_AT, fallback=DEFAULT_INDEX_ALARM_AT).strip()
    if text.lower() in ("", OFF):
        return None
    try:
        return parse_minute(text)
    except ValueError as error:
        raise ValueError(f"{variable(INDEX_ALARM_AT)}: {error}, or {OFF!r}") from None


def maximum_run_date_days() -> int:
    """How far a run date may be from today without confirmation. Raises ValueError, which names the setting."""
    text = conf.get(SECTION, MAXIMUM_RUN_DATE_DAYS, fallback=DEFAULT_MAXIMUM_RUN_DATE_DAYS).strip()
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{variable(MAXIMUM_RUN_DATE_DAYS)}: {text!r}: expected a number of days such as 366")
    return int(text)


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return f"AIRFLOW__{SECTION}__{key}".upper()
