"""The DAG that rolls search back: it puts the index of an earlier build behind the alias, or a later one again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from sync_airflow import task_defaults
from sync_airflow.connections import open_elasticsearch, open_postgres
from sync_airflow.dag_ids import index_rollback_id
from sync_airflow.dags.manuals import rollback_manual
from sync_airflow.dags.parameters import airflow_params
from sync_airflow.messages.announcements import announce_failure, announce_start, announce_unreported_failure
from sync_airflow.monitoring.measurements import measure_live_index
from sync_airflow.night_rules import own_date
from sync_airflow.tasks.sync_operator import SyncOperator, index_settings
from sync_jobs.catalogue import build_job
from sync_jobs.parameter_names import DIRECTION, DOCUMENTS, DRY_RUN
from sync_jobs.parameters import rollback_parameters
from sync_jobs.search.definition import IndexDefinition

if TYPE_CHECKING:
    from airflow.sdk import Context


def build_index_rollback_dag(definition: IndexDefinition) -> DAG:
    """One task, without a schedule."""
    parameters = rollback_parameters(build_job(definition).limits)
    with DAG(
        dag_id=index_rollback_id(definition),
        dag_display_name=f"Rollback of the search index {definition.alias}",
        description=f"Puts the index of an earlier or later build behind the alias {definition.alias}.",
        doc_md=rollback_manual(definition),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        params=airflow_params(parameters),
        tags=list(task_defaults.TAGS),
        on_failure_callback=announce_unreported_failure,
        default_args={"owner": task_defaults.OWNER, "on_failure_callback": announce_failure},
    ) as dag:
        # No retries: after a failure that follows the swap, another attempt would move on to the next index.
        RollbackOperator(task_id="roll_back", definition=definition, retries=0)
    return dag


class RollbackOperator(SyncOperator):
    """Rolls the search index back or forward (sync_jobs.runner.run_rollback), by the params of the run."""

    def __init__(self, *, definition: IndexDefinition, **kwargs: Any) -> None:
        super().__init__(what=definition.rollback_name, **kwargs)
        self.definition = definition

    def work(self, context: Context) -> dict[str, object]:
        # Imported here, because it imports both drivers; DAG files must not.
        from sync_jobs.runner import run_rollback  # noqa: PLC0415

        run, params = context["dag_run"], context["params"]
        announce_start(context, own_date(run.run_type, run.logical_date, run.run_after))
        with (
            open_postgres(f"{self.what} {run.run_id}", task_defaults.JOB_TIMEOUT) as postgres,
            open_elasticsearch() as elasticsearch,
        ):
            report = run_rollback(
                self.definition,
                postgres=postgres,
                elasticsearch=elasticsearch,
                direction=params[DIRECTION],
                documents=params[DOCUMENTS],
                limits=build_job(self.definition).limits.overridden_by(params),
                dry_run=params[DRY_RUN],
                settings=index_settings(self.definition),
            )
            measure_live_index(self.definition, elasticsearch)
        self.log.info("%s: %s", self.what, report.summary())
        return report.as_dict()
