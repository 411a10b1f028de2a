"""What the triggerer watches while a sensor is deferred."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.standard.triggers.external_task import WorkflowTrigger
from airflow.triggers.base import TriggerEvent

LOOK_AGAIN = "look again"


class NightlyRunTrigger(WorkflowTrigger):
    """Watches a DAG run by its logical date, and wakes the sensor from time to time in any case.

    The triggerer can count runs and no more; what else may end the wait (the upstream job done by another run,
    a run that will never be), only a task can ask.

    look_again_after: seconds until the event "look again", if the run has not ended before.
    """

    def __init__(self, *, look_again_after: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.look_again_after = look_again_after

    def serialize(self) -> tuple[str, dict[str, Any]]:
        _, arguments = super().serialize()
        return f"{__name__}.NightlyRunTrigger", arguments | {"look_again_after": self.look_again_after}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            yield await asyncio.wait_for(anext(super().run()), self.look_again_after)
        except TimeoutError:
            yield TriggerEvent({"status": LOOK_AGAIN})
