"""Waiting for a condition, with a failure that says what was waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

# Generous: a slow machine takes long, and only a test that fails waits so long.
PATIENCE_SECONDS = 300
LOOK_AGAIN_AFTER_SECONDS = 0.2

Answer = TypeVar("Answer")


def wait_for(what: str, question: Callable[[], Answer], seconds: float = PATIENCE_SECONDS) -> Answer:
    """Ask until an answer is true, and return it. Fails after that many seconds with the last answer."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}, last seen: {answer!r}"
        time.sleep(LOOK_AGAIN_AFTER_SECONDS)
    return answer
