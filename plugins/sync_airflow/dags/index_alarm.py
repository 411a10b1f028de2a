"""The alarm: the search index was not rebuilt in a night, for any reason, even if no job ran at all.

It checks only what readers see: the index behind the alias, which has the start of its build in its name. Airflow's
runs would not show a rollback, nor an index that somebody put there.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from sync_airflow import task_defaults
from sync_airflow.connections import open_elasticsearch
from sync_airflow.dag_ids import RECOVERY, index_alarm_id
from sync_airflow.dags.manuals import index_alarm_manual
from sync_airflow.dags.schedule import daily
from sync_airflow.messages.announcements import announce_failure, announce_unreported_failure
from sync_airflow.monitoring.measurements import measure_live_index
from sync_airflow.night.verdict import why_stale
from sync_airflow.night_rules import own_date
from sync_airflow.settings import index_alarm_at
from sync_jobs.catalogue import build_job
from sync_jobs.errors import SyncJobError, TransientError
from sync_jobs.search.definition import IndexDefinition

if TYPE_CHECKING:
    from airflow.sdk import Context


def build_index_alarm_dag(definition: IndexDefinition) -> DAG:
    """One task, at the time of the setting; without a schedule if that is off."""
    at = index_alarm_at()
    with DAG(
        dag_id=index_alarm_id(definition),
        dag_display_name=f"Alarm: the search index {definition.alias} was not rebuilt",
        description="Fails, and sends a message, if the search index was not rebuilt since midnight UTC.",
        doc_md=index_alarm_manual(definition, at),
        schedule=daily(at) if at else None,
        catchup=False,
        max_active_runs=1,
        # An alarm that somebody has to switch on is missing when it is needed: it watches from the start.
        is_paused_upon_creation=False,
        tags=list(task_defaults.TAGS),
        on_failure_callback=announce_unreported_failure,
        default_args={"owner": task_defaults.OWNER, "on_failure_callback": announce_failure},
    ) as dag:
        IndexAlarmOperator(task_id="look_at_live_index", definition=definition)
    return dag


class IndexAlarmOperator(BaseOperator):
    """Fails unless the live index was built since the last midnight UTC before the run. Returns the index's name.

    If Elasticsearch does not answer, the task is retried and then fails as well.
    """

    def __init__(self, *, definition: IndexDefinition, **kwargs: Any) -> None:
        super().__init__(execution_timeout=task_defaults.SHORT_TASK_TIMEOUT, **task_defaults.RETRIES, **kwargs)
        self.definition = definition

    def execute(self, context: Context) -> str | None:
        run = context["dag_run"]
        night = own_date(run.run_type, run.logical_date, run.run_after)
        try:
            name, built = live_index(self.definition)
        except TransientError:
            raise
        except SyncJobError as error:
            raise AirflowFailException(str(error)) from error
        reason = reason_for_alarm(self.definition, name, built, night)
        if reason:
            raise AirflowFailException(reason)
        self.log.info("The live index %s was built since midnight: no alarm.", name)
        return name


def live_index(definition: IndexDefinition) -> tuple[str | None, datetime | None]:
    """The name of the index behind the alias and the start of its build, each may be None. Raises SyncJobError.

    Measures the index, too: this is what monitoring learns in a night in which nothing else ran.
    """
    # Imported here, because it imports the client; DAG files must not.
    from sync_jobs.search.errors import elasticsearch_errors_translated  # noqa: PLC0415
    from sync_jobs.search.index_alias import built_at, find_live  # noqa: PLC0415

    with open_elasticsearch() as client, elasticsearch_errors_translated():
        name = find_live(client, definition.alias).name
        measure_live_index(definition, client)
    return name, built_at(name) if name else None


def reason_for_alarm(definition: IndexDefinition, name: str | None, built: datetime | None, night: date) -> str | None:
    """Why the live index was not built in that night, and what to do; None if it was. The verdict has the same rule."""
    why = why_stale(definition.alias, name, built, night)
    if why is None:
        return None
    found, job = f"{why[:1].upper()}{why[1:]}", build_job(definition).name
    return f"{found}. Find out why {job} did not run or failed, then run {RECOVERY}."
