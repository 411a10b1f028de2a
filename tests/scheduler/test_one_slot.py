"""Recovery on an Airflow that can run one task at a time."""

from pathlib import Path

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from sync_airflow.dag_ids import RECOVERY
from sync_jobs.catalogue import JOBS
from tests.airflow_of_tests import airflow_with_demo_data


def test_recovery_succeeds_with_a_single_worker_slot(
    tmp_path: Path,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
) -> None:
    with airflow_with_demo_data(
        tmp_path,
        postgres_server,
        elasticsearch_server,
        persons=100,
        dag_ids=(RECOVERY, *(job.dag_id for job in JOBS)),
        more_settings={"AIRFLOW__CORE__PARALLELISM": "1"},
    ) as started:
        assert started.wait_for_end(RECOVERY, started.api.start(RECOVERY)) == "success"
