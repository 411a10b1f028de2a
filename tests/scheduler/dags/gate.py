"""A gate in the index build after the load: closed while somebody holds its advisory lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_airflow.tasks.job_operator import JobOperator

if TYPE_CHECKING:
    import psycopg
    from airflow.sdk import Context

GATE = 1
WORK = JobOperator.work


def work_through_the_gate(self: JobOperator, context: Context) -> dict[str, object]:
    # Imported by the task that works alone: it brings both drivers.
    from sync_jobs.search import build  # noqa: PLC0415
    from sync_jobs.search.verification import verify_totals  # noqa: PLC0415

    def wait_and_verify(definition: Any, connection: psycopg.Connection[Any], *arguments: Any, **keywords: Any) -> None:
        connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (GATE,))
        verify_totals(definition, connection, *arguments, **keywords)

    vars(build)["verify_totals"] = wait_and_verify
    return WORK(self, context)


JobOperator.work = work_through_the_gate  # type: ignore[method-assign]  # that is what the gate is
