"""Recovery on an Airflow that can run one task at a time."""

from pathlib import Path

import psycopg

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.demo_data import load_demo_data
from sync_airflow.dag_ids import RECOVERY
from sync_jobs.catalogue import JOBS
from tests.airflow_of_tests import StartedAirflow, airflow_of_tests, new_databases
from tests.scheduler.night import now

DAG_IDS = (RECOVERY, *(job.dag_id for job in JOBS))


def test_recovery_succeeds_with_a_single_worker_slot(
    tmp_path: Path, postgres_server: local_postgres.Postgres, elasticsearch_server: local_elasticsearch.Elasticsearch
) -> None:
    with new_databases(postgres_server, "UTC") as databases:
        tcs_dsn = postgres_server.dsn("tcs", databases.tcs)
        with psycopg.connect(tcs_dsn) as connection:
            load_demo_data(connection, 100, now().date())
        started = StartedAirflow(
            airflow=airflow_of_tests(
                tmp_path,
                postgres_server,
                elasticsearch_server,
                databases,
                zone="UTC",
                more_settings={"AIRFLOW__CORE__PARALLELISM": "1"},
            ),
            tcs_dsn=tcs_dsn,
        )
        try:
            started.start_all(DAG_IDS)
            assert started.wait_for_end(RECOVERY, started.api.start(RECOVERY)) == "success"
        finally:
            started.stop()
