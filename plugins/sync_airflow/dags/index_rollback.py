"""The DAG persons_index_rollback: back to the search index of the build before, and forth again; by hand alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param

from sync_airflow import task_defaults
from sync_airflow.connections import open_elasticsearch, open_postgres
from sync_airflow.dag_ids import index_rollback_id
from sync_airflow.dags.manuals import rollback_manual
from sync_airflow.dags.parameters import maximum_removed_percent_param
from sync_airflow.messages.announcements import announce_failure, announce_start, announce_untold_failure
from sync_airflow.night_rules import own_date
from sync_airflow.tasks.sync_operator import SyncOperator, index_settings
from sync_jobs.catalogue import build_job
from sync_jobs.search.definition import IndexDefinition

if TYPE_CHECKING:
    from airflow.sdk import Context


def build_index_rollback_dag(definition: IndexDefinition) -> DAG:
    """One task, without a schedule."""
    limit = build_job(definition).maximum_removed_percent
    with DAG(
        dag_id=index_rollback_id(definition),
        dag_display_name=f"Rollback of the search index {definition.alias}",
        description=f"Puts the index of an earlier or later build behind the alias {definition.alias}.",
        doc_md=rollback_manual(definition),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        params={
            "direction": Param(
                default="back",
                type="string",
                enum=["back", "forth"],
                title="Direction",
                description="back: to the index built before the live one. forth: to the one built after it.",
            ),
            "dry_run": Param(
                default=False,
                type="boolean",
                title="Dry run",
                description="Report which index it would be and what it takes to bring it up to date; write nothing.",
            ),
            "maximum_removed_percent": maximum_removed_percent_param(limit),
        },
        tags=list(task_defaults.TAGS),
        on_failure_callback=announce_untold_failure,
        default_args={"owner": task_defaults.OWNER, "on_failure_callback": announce_failure},
    ) as dag:
        # Never tried again by itself: after a failure behind the swap it would go on to the index beyond.
        RollbackOperator(task_id="roll_back", definition=definition, retries=0)
    return dag


class RollbackOperator(SyncOperator):
    """Rolls the search index back or forth (sync_jobs.runner.run_rollback), as the params of the run say."""

    def __init__(self, *, definition: IndexDefinition, **kwargs: Any) -> None:
        super().__init__(what=definition.rollback_name, **kwargs)
        self.definition = definition

    def work(self, context: Context) -> dict[str, object]:
        # Imported here, and not by the DAG files: it brings both drivers.
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
                direction=params["direction"],
                maximum_removed_percent=float(params["maximum_removed_percent"]),
                dry_run=params["dry_run"],
                settings=index_settings(),
            )
        self.log.info("%s: %s", self.what, report.summary())
        return report.as_dict()
