"""Waiting for a condition, with a failure that says what was waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

# Generous: a slow machine takes long, and only a test that fails waits so long.
PATIENCE_SECONDS = 600
# The longer the wait, the longer the pauses: each answer, such as one of Airflow's API, takes processor time.
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, PAUSE_SHARE = 0.1, 1.0, 0.1

Answer = TypeVar("Answer")


def wait_for(what: str, question: Callable[[], Answer], seconds: float = PATIENCE_SECONDS) -> Answer:
    """Ask until an answer is true, and return it. Fails after that many seconds with the last answer."""
    begin = time.monotonic()
    while not (answer := question()):
        waited = time.monotonic() - begin
        assert waited < seconds, f"waited {seconds:.0f} s for {what}, last seen: {answer!r}"
        time.sleep(min(max(PAUSE_SHARE * waited, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS))
    return answer
