"""The base of tasks that work on PostgreSQL and Elasticsearch: how they fail, and how they are stopped."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Variable
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from sync_airflow import task_defaults
from sync_airflow.dag_ids import index_settings_variable
from sync_airflow.messages.announcements import announce_success
from sync_airflow.tasks.failure import note_reason
from sync_airflow.tasks.run_parameters import refuse_unknown_keys
from sync_jobs.errors import BadArgument, SyncJobError, TransientError
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.settings import IndexSettings

if TYPE_CHECKING:
    from airflow.sdk import Context


class SyncOperator(BaseOperator):
    """Runs work() and returns its report (sync_jobs.report.Report.as_dict) as XCom.

    An error that would occur again fails the task without a retry. The reason of a failure goes to an XCom.
    what: the name of the work, for messages.
    """

    ui_color = "#e6f2e6"

    def __init__(self, *, what: str, **kwargs: Any) -> None:
        arguments = task_defaults.RETRIES | kwargs
        super().__init__(execution_timeout=task_defaults.JOB_TIMEOUT, on_success_callback=announce_success, **arguments)
        self.what = what
        self._at_work = False

    @abstractmethod
    def work(self, context: Context) -> dict[str, object]:
        """Do the work and return its report. Raises SyncJobError."""

    def execute(self, context: Context) -> dict[str, object]:
        refuse_unknown_keys(context, self.dag.params)
        try:
            self._at_work = True
            return self.work(context)
        except SyncJobError as error:
            note_reason(context, str(error))
            if isinstance(error, TransientError):
                raise  # retried by Airflow
            raise AirflowFailException(str(error)) from error
        except AirflowFailException as error:  # for instance a missing connection
            note_reason(context, str(error))
            raise
        except AirflowTaskTimeout:
            note_reason(context, f"{self.what} exceeded its time limit of {self.execution_timeout}")
            raise
        finally:
            self._at_work = False

    def on_kill(self) -> None:
        """Stop the work. Airflow calls this in the main thread to end the task, and kills the process 5 s later.

        Without an exception the work would continue until then, and might even promote a new index. SystemExit makes
        psycopg cancel its current statement, and lets Airflow retry the task if it has retries left.
        """
        if self._at_work:
            raise SystemExit(f"{self.what} was stopped by Airflow")


def index_settings(definition: IndexDefinition) -> IndexSettings:
    """The settings of an index build, from the variable of the index or by default. Raises BadArgument."""
    try:
        values = Variable.get(index_settings_variable(definition), default={}, deserialize_json=True)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        variable = index_settings_variable(definition)
        raise BadArgument(f'Variable {variable}: expected a JSON object such as {{"senders": 2}}')
    return IndexSettings.from_mapping(values)
