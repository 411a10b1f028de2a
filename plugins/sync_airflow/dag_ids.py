"""Names of connections, DAGs, tasks and variables, without an import of Airflow. A job's DAG: Job.dag_id."""

from sync_jobs.catalogue import JOBS
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_jobs.search.definition import IndexDefinition

# The Airflow connections of the jobs.
POSTGRES_CONNECTION = "tcs_postgres"
ELASTICSEARCH_CONNECTION = "tcs_elasticsearch"

# Runs all jobs in order.
RECOVERY = "recovery"

# Key of the conf of recovery: the DAG ids of the jobs to run, and no others. The page fills it in.
ONLY_JOBS = "only_jobs"

# The task of a job's DAG that does the work and returns the report.
RUN_JOB = "run_job"


def index_alarm_id(definition: IndexDefinition) -> str:
    """The id of the DAG that checks in the morning whether the index was rebuilt: persons_index_alarm."""
    return f"{definition.alias}_index_alarm"


def index_rollback_id(definition: IndexDefinition) -> str:
    """The id of the DAG that puts another index behind the alias: persons_index_rollback."""
    return definition.rollback_name


def index_settings_variable(definition: IndexDefinition) -> str:
    """The name of the Airflow variable with the settings of an index: persons_index_settings."""
    return f"{definition.alias}_index_settings"


# Of all DAGs of this project.
DAG_IDS = (
    *(job.dag_id for job in JOBS),
    RECOVERY,
    *(index_alarm_id(definition) for definition in INDEX_DEFINITIONS),
    *(index_rollback_id(definition) for definition in INDEX_DEFINITIONS),
)
