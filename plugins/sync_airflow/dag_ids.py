"""The ids of the DAGs that do not belong to a single job. The id of a job's DAG is Job.dag_id."""

from sync_jobs.search.definition import IndexDefinition

# Runs all jobs in order.
RECOVERY = "recovery"


def index_alarm_id(definition: IndexDefinition) -> str:
    """Of the DAG that checks, in the morning, whether the index was rebuilt: persons_index_alarm."""
    return f"{definition.alias}_index_alarm"


def index_rollback_id(definition: IndexDefinition) -> str:
    """Of the DAG that puts another index behind the alias: persons_index_rollback."""
    return definition.rollback_name
