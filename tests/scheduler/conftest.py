"""One Airflow for all tests of this folder: api-server, scheduler, dag-processor and triggerer."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from elasticsearch import Elasticsearch

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.demo_data import load_demo_data
from local.home import new_secrets
from local.ports import HOST, any_free_port
from tests.conftest import TEMPLATE
from tests.scheduler.running_airflow import AirflowOfTests, RunningAirflow

PERSONS = 300


@pytest.fixture(scope="session")
def running_airflow(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    elasticsearch_client: Elasticsearch,
) -> Iterator[RunningAirflow]:
    """With demo data for today, and no index yet."""
    folder = tmp_path_factory.mktemp("airflow")
    database = f"night_{secrets.token_hex(6)}"
    administrator = psycopg.connect(postgres_server.dsn(local_postgres.ADMINISTRATOR, "postgres"), autocommit=True)
    local_postgres.create_database(administrator, database, owner="tcs", template=TEMPLATE)
    tcs_dsn = postgres_server.dsn("tcs", database)
    with psycopg.connect(tcs_dsn) as connection:
        load_demo_data(connection, PERSONS, datetime.now(UTC).date())
    for index in elasticsearch_client.indices.get(index="*", expand_wildcards="all"):
        elasticsearch_client.indices.delete(index=index)
    airflow = AirflowOfTests(
        home=folder / "home",
        logs=folder / "logs",
        port=any_free_port(),
        database=postgres_server.dsn("airflow", "airflow").replace("postgresql:", "postgresql+psycopg2:"),
        secrets=new_secrets(),
        connections={
            "SYNC_POSTGRES_HOST": HOST,
            "SYNC_POSTGRES_PORT": str(postgres_server.port),
            "SYNC_POSTGRES_PASSWORD": postgres_server.passwords["sync_jobs"],
            "SYNC_ELASTICSEARCH_HOST": HOST,
            "SYNC_ELASTICSEARCH_PORT": str(elasticsearch_server.port),
            "SYNC_ELASTICSEARCH_PASSWORD": "",
        },
        more_settings={
            "NIGHT_OF_TEST": str(folder / "night.json"),
            # In place of the one in airflow_settings.yaml, which names the database tcs.
            "AIRFLOW_CONN_TCS_POSTGRES": postgres_server.dsn("sync_jobs", database),
        },
    )
    running = RunningAirflow(airflow, folder / "night.json", administrator, tcs_dsn, elasticsearch_client)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        administrator.close()
