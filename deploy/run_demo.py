"""The profile demo of docker-compose.yaml: demo data in an empty database, all DAGs unpaused, all jobs run for today.

TCS_POSTGRES_HOST, _PORT, _DATABASE    the application's database
TCS_POSTGRES_PASSWORD_FILE             file with the password of the role tcs, which owns the tables
DEMO_PERSONS                           how many persons
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from airflow.api.common.trigger_dag import trigger_dag
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import select, update

from local.demo_data import DatabaseNotEmpty, load_demo_data
from sync_airflow.dag_ids import DAG_IDS, RECOVERY


def fill_database() -> None:
    """Load the demo data, unless there are persons already."""
    with psycopg.connect(
        host=os.environ["TCS_POSTGRES_HOST"],
        port=os.environ["TCS_POSTGRES_PORT"],
        dbname=os.environ["TCS_POSTGRES_DATABASE"],
        user="tcs",
        password=Path(os.environ["TCS_POSTGRES_PASSWORD_FILE"]).read_text(encoding="utf-8").strip(),
    ) as connection:
        try:
            load_demo_data(connection, int(os.environ["DEMO_PERSONS"]), datetime.now(UTC).date())
        except DatabaseNotEmpty:
            print("There are persons already: no demo data was loaded.")


def wait_for_dags() -> None:
    """Wait until Airflow has read all DAGs of this project."""
    while True:
        with create_session() as session:
            known = session.scalars(select(DagModel.dag_id).where(DagModel.dag_id.in_(DAG_IDS))).all()
        if len(known) == len(DAG_IDS):
            return
        time.sleep(1)


def run_all_jobs() -> None:
    """Unpause all DAGs and start recovery, which runs the jobs in order."""
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id.in_(DAG_IDS)).values(is_paused=False))
    trigger_dag(RECOVERY, triggered_by=DagRunTriggeredByType.CLI, triggering_user_name="demo")


if __name__ == "__main__":
    fill_database()
    wait_for_dags()
    run_all_jobs()
    print(f"The jobs are running: open {conf.get('api', 'base_url')}/sync/ as user admin.")
