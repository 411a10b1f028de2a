"""A gate in the index build, behind the load: closed for as long as somebody has its advisory lock."""

from typing import Any

from sync_airflow.tasks.job_operator import JobOperator

GATE = 1
WORK = JobOperator.work


def work_through_the_gate(operator: JobOperator, context: Any) -> dict[str, object]:
    # Imported by the task that works alone: it brings both drivers.
    from sync_jobs.jobs import person_index  # noqa: PLC0415

    verify_totals = person_index.verify_totals

    def wait_and_verify(connection: Any, *arguments: Any) -> None:
        connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (GATE,))
        verify_totals(connection, *arguments)

    person_index.verify_totals = wait_and_verify
    return WORK(operator, context)


JobOperator.work = work_through_the_gate
