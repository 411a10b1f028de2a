"""One Airflow for all tests of this folder: api-server, scheduler, dag-processor and triggerer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from elasticsearch import Elasticsearch
from psycopg import sql

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.demo_data import load_demo_data
from local.home import new_secrets
from local.ports import HOST, any_free_port
from sync_jobs.catalogue import JOBS
from tests.conftest import TEMPLATE, new_database
from tests.scheduler.night import this_minute
from tests.scheduler.running_airflow import AirflowOfTests, RunningAirflow

PERSONS = 300
NIGHTS_OFF = 3
CHANGED = 1_000_000  # id of a post and of a person that no demo data has


@pytest.fixture(scope="session")
def running_airflow(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    elasticsearch_client: Elasticsearch,
) -> Iterator[RunningAirflow]:
    """It has been off for three nights, was started when all jobs of tonight were due, and has done them.

    Its processes and databases are in a zone whose date is not that of UTC.
    """
    folder = tmp_path_factory.mktemp("airflow")
    for index in elasticsearch_client.indices.get(index="*", expand_wildcards="all"):
        elasticsearch_client.indices.delete(index=index)
    night = this_minute()
    zone = zone_of_another_date(night)
    with (
        new_database(postgres_server, "tcs", TEMPLATE) as tcs,
        new_database(postgres_server, "airflow") as airflow,
        psycopg.connect(
            postgres_server.dsn(local_postgres.ADMINISTRATOR, "postgres"), autocommit=True
        ) as administrator,
    ):
        for name in (tcs, airflow):
            statement = sql.SQL("ALTER DATABASE {} SET timezone = {}")
            administrator.execute(statement.format(sql.Identifier(name), zone))
        with psycopg.connect(postgres_server.dsn("tcs", tcs)) as connection:
            load_demo_data(connection, PERSONS, night.date())
            add_changes_of_the_first_missed_night(connection, night)
        with psycopg.connect(postgres_server.dsn("airflow", airflow), autocommit=True) as metadata:
            running = RunningAirflow(
                airflow=AirflowOfTests(
                    home=folder / "home",
                    logs=folder / "logs",
                    port=any_free_port(),
                    database=postgres_server.dsn("airflow", airflow).replace("postgresql:", "postgresql+psycopg2:"),
                    secrets=new_secrets(),
                    connections={
                        "SYNC_POSTGRES_HOST": HOST,
                        "SYNC_POSTGRES_PORT": str(postgres_server.port),
                        "SYNC_POSTGRES_PASSWORD": postgres_server.passwords["sync_jobs"],
                        "SYNC_ELASTICSEARCH_HOST": HOST,
                        "SYNC_ELASTICSEARCH_PORT": str(elasticsearch_server.port),
                        "SYNC_ELASTICSEARCH_PASSWORD": "",
                    },
                    zone=zone,
                    more_settings={
                        "NIGHT_OF_TEST": str(folder / "night.json"),
                        # In place of the one in airflow_settings.yaml, which names the database tcs.
                        "AIRFLOW_CONN_TCS_POSTGRES": postgres_server.dsn("sync_jobs", tcs),
                    },
                ),
                times=folder / "night.json",
                administrator=administrator,
                metadata=metadata,
                tcs_dsn=postgres_server.dsn("tcs", tcs),
                elasticsearch=elasticsearch_client,
            )
            ticks = {job.dag_id: night - timedelta(minutes=(len(JOBS) - 1 - n) // 2) for n, job in enumerate(JOBS)}
            try:
                running.start_after_nights_off(ticks, NIGHTS_OFF)
                running.first_night.wait_for_end(ticks)
                yield running
            finally:
                running.stop()


def zone_of_another_date(moment: datetime) -> str:
    """14 hours before UTC, or 11 behind it."""
    return "Pacific/Kiritimati" if moment.astimezone(UTC).hour >= 11 else "Pacific/Pago_Pago"


def add_changes_of_the_first_missed_night(
    connection: "psycopg.Connection[tuple[object, ...]]", night: datetime
) -> None:
    """Which a run that looks at its own date alone does not see: a funding that has ended, a membership that began."""
    first_missed = night.date() - timedelta(days=NIGHTS_OFF - 1)
    connection.execute("INSERT INTO post (id, funding_status) VALUES (%s, 'CURRENT')", (CHANGED,))
    connection.execute(
        "INSERT INTO post_funding (id, post_id, start_date, end_date) VALUES (%s, %s, '2001-01-01', %s)",
        (CHANGED, CHANGED, first_missed - timedelta(days=1)),
    )
    connection.execute("INSERT INTO person (id, status) VALUES (%s, 'INACTIVE')", (CHANGED,))
    connection.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_start_date, programme_end_date) "
        "VALUES (gen_random_uuid(), %s, %s, '2099-12-31')",
        (CHANGED, first_missed),
    )
