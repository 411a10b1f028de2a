"""The trigger of a deferred sensor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.standard.triggers.external_task import WorkflowTrigger
from airflow.triggers.base import TriggerEvent

RECHECK = "recheck"


class NightlyRunTrigger(WorkflowTrigger):
    """Watches a DAG run by its logical date, and wakes the sensor at intervals.

    The triggerer can only count runs. Only a task can check what else may end the wait: another run that has done the
    work, or a run that will never exist.

    recheck_after: seconds until the event "recheck", unless the run has ended before.
    """

    def __init__(self, *, recheck_after: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recheck_after = recheck_after

    def serialize(self) -> tuple[str, dict[str, Any]]:
        _, arguments = super().serialize()
        return f"{__name__}.NightlyRunTrigger", arguments | {"recheck_after": self.recheck_after}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            yield await asyncio.wait_for(anext(super().run()), self.recheck_after)
        except TimeoutError:
            yield TriggerEvent({"status": RECHECK})
