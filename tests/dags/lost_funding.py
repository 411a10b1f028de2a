"""A night with work for one job: a post that has lost its funding. The fixture dag is in conftest.py."""

from airflow.sdk import DAG

from sync_jobs.catalogue import find_job

JOB = find_job("PostFundingStatusSyncJob")  # needs only PostgreSQL, and has no follow-on jobs
POST = "INSERT INTO post (id, funding_status) VALUES (1, 'CURRENT')"
FUNDING = "INSERT INTO post_funding (id, post_id, start_date, end_date) VALUES (1, 1, '2024-01-01', '2024-02-28')"


def run(dag: DAG, **conf: object) -> str:
    """The end state of a run for 29 February 2024 with these further parameters."""
    state: str = dag.test(run_conf={"run_date": "2024-02-29", "confirm_run_date": True} | conf).state
    return state
