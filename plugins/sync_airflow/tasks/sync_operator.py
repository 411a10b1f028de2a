"""What every task that works on PostgreSQL and Elasticsearch has in common: how it fails, and how it is stopped."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Variable
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from sync_airflow import task_defaults
from sync_airflow.messages.announcements import announce_success
from sync_airflow.tasks.failure import note_reason
from sync_airflow.tasks.run_parameters import refuse_unknown_keys
from sync_jobs.errors import BadArgument, SyncJobError, TransientError
from sync_jobs.search.settings import IndexSettings

if TYPE_CHECKING:
    from airflow.sdk import Context

INDEX_SETTINGS = "persons_index_settings"


class SyncOperator(BaseOperator):
    """Runs work() and returns its report (sync_jobs.report.Report.as_dict) as XCom.

    Fails at once, without a retry, on what would fail again. The reason of a failure goes to an XCom, too.
    what: the operators' name of the work, for messages.
    """

    ui_color = "#e6f2e6"

    def __init__(self, *, what: str, **kwargs: Any) -> None:
        arguments = task_defaults.RETRIES | kwargs
        super().__init__(execution_timeout=task_defaults.JOB_TIMEOUT, on_success_callback=announce_success, **arguments)
        self.what = what
        self._at_work = False

    @abstractmethod
    def work(self, context: Context) -> dict[str, object]:
        """Do it. Raises SyncJobError."""

    def execute(self, context: Context) -> dict[str, object]:
        refuse_unknown_keys(context, self.dag.params)
        try:
            self._at_work = True
            return self.work(context)
        except SyncJobError as error:
            note_reason(context, str(error))
            if isinstance(error, TransientError):
                raise  # an ordinary failure, tried again
            raise AirflowFailException(str(error)) from error
        except AirflowFailException as error:  # a connection that is missing, for instance
            note_reason(context, str(error))
            raise
        except AirflowTaskTimeout:
            note_reason(context, f"{self.what} has not ended within {self.execution_timeout}")
            raise
        finally:
            self._at_work = False

    def on_kill(self) -> None:
        """Stop the work: Airflow calls this, in the main thread, when the task is to end, and kills it 5 s later.

        It does no more than call it: without an exception the work would go on until then, up to a new index live.
        SystemExit makes psycopg cancel the statement it waits for, and Airflow try again where that is wanted.
        """
        if self._at_work:
            raise SystemExit(f"{self.what} was told to stop")


def index_settings() -> IndexSettings:
    """As the variable persons_index_settings has them, a JSON object; defaults for what it does not name."""
    try:
        values = Variable.get(INDEX_SETTINGS, default={}, deserialize_json=True)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise BadArgument(f'The variable {INDEX_SETTINGS}: expected a JSON object such as {{"senders": 2}}')
    return IndexSettings.from_mapping(values)
