"""The trigger of a deferred wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.standard.triggers.external_task import WorkflowTrigger
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

RECHECK = "recheck"
SUCCESS = "success"
FAILED = "failed"


class NightlyRunTrigger(WorkflowTrigger):
    """Watches a DAG run that has one of several ids, and wakes the task at intervals.

    The triggerer can only count runs. A run of a night can have several ids, and one of them exists. Only a task can
    check what else may end the wait: another run that has done the work, or a run that will never exist.

    recheck_after: seconds until the event "recheck", unless the run has ended before. end_from_trigger: whether a
    success ends the task at once, without another process of the task.
    """

    def __init__(self, *, recheck_after: float, end_from_trigger: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recheck_after = recheck_after
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        _, arguments = super().serialize()
        own = {"recheck_after": self.recheck_after, "end_from_trigger": self.end_from_trigger}
        return f"{__name__}.NightlyRunTrigger", arguments | own

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            status = await asyncio.wait_for(self._end(), self.recheck_after)
        except TimeoutError:
            status = RECHECK
        if self.end_from_trigger and status == SUCCESS:
            yield TaskSuccessEvent()
        else:
            yield TriggerEvent({"status": status})

    async def _end(self) -> str:
        """Wait for the end of the run: FAILED or SUCCESS."""
        while True:
            for status, states in ((FAILED, self.failed_states), (SUCCESS, self.allowed_states)):
                if states and await self._get_count_af_3(states):
                    return status
            await asyncio.sleep(self.poke_interval)
