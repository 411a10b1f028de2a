"""One night of the jobs: when each is due, and how its scheduled run ended."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.airflow_api import AirflowApi, Json, NotFound, TaskId
from sync_airflow.dag_ids import RUN_JOB
from sync_airflow.night_rules import SCHEDULED
from sync_jobs.catalogue import JOBS, index_build_before, upstream_jobs
from tests.airflow_of_tests import ENDED
from tests.waiting import wait_for

# From a night's first tick to the end of all that a test does in it.
LONGEST_NIGHT = timedelta(minutes=10)


def now() -> datetime:
    return datetime.now(UTC)


def this_minute() -> datetime:
    """The current minute, for the start of a night; near midnight it waits until the whole night is on one date."""

    def is_far_from_midnight() -> bool:
        return (now() - LONGEST_NIGHT).date() == (now() + LONGEST_NIGHT).date()

    wait_for("midnight in UTC to be over", is_far_from_midnight, 2 * LONGEST_NIGHT.total_seconds() + 5)
    return now().replace(second=0, microsecond=0)


def run_id_of(tick: datetime) -> str:
    """The id of the scheduled run of that tick."""
    return f"{SCHEDULED}__{tick.isoformat()}"


@dataclass(frozen=True)
class Night:
    """ticks: when each job is due, by DAG id, in UTC."""

    api: AirflowApi
    ticks: Mapping[str, datetime]

    def run_id(self, dag_id: str) -> str:
        return run_id_of(self.ticks[dag_id])

    def task(self, dag_id: str, task_id: str = RUN_JOB) -> TaskId:
        return TaskId(dag_id, self.run_id(dag_id), task_id)

    def wait_for_end(self, dag_ids: Iterable[str], wanted: Collection[str] = ENDED) -> dict[str, str]:
        """Wait until the runs of these jobs have one of the wanted states; return their states by DAG id."""
        return {dag_id: self._wait_for_end(dag_id, wanted) for dag_id in dag_ids}

    def _wait_for_end(self, dag_id: str, wanted: Collection[str]) -> str:
        def state() -> str | None:
            run = run_if_there(self.api, dag_id, self.run_id(dag_id))
            return run["state"] if run and run["state"] in wanted else None

        return str(wait_for(f"the night's run of {dag_id} to be {' or '.join(wanted)}", state))

    def work(self, dag_id: str) -> tuple[datetime, datetime]:
        """Start and end of the work in the run of that job."""
        task = self.api.get(self.task(dag_id).path)
        return datetime.fromisoformat(task["start_date"]), datetime.fromisoformat(task["end_date"])

    def assert_order(self, dag_ids: Collection[str]) -> None:
        """Check that each of these jobs worked after the jobs that it waits for."""
        for job in (job for job in JOBS if job.dag_id in dag_ids):
            build = index_build_before(job)
            for other in (*upstream_jobs(job), *([build] if build else ())):
                assert self.work(other.dag_id)[1] <= self.work(job.dag_id)[0], (other.name, job.name)


def run_if_there(api: AirflowApi, dag_id: str, run_id: str) -> Json | None:
    try:
        return api.run(dag_id, run_id)
    except NotFound:
        return None
