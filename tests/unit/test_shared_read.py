"""A read that all callers share."""

import asyncio
import threading
import time

import pytest

from sync_page.shared_read import NoAnswer, SharedRead


class Counter:
    """Counts its calls; each takes a moment."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls, self.seconds = 0, seconds

    def __call__(self) -> int:
        self.calls += 1
        time.sleep(self.seconds)
        return self.calls


def test_fifty_callers_at_once_cost_one_read() -> None:
    read = Counter(0.05)
    shared = SharedRead("test", read, fresh_seconds=60, limit_seconds=5)

    async def all_of_them() -> list[int]:
        return list(await asyncio.gather(*(shared.get() for _ in range(50))))

    assert asyncio.run(all_of_them()) == [1] * 50
    assert asyncio.run(shared.get()) == 1  # also in another event loop
    shared.forget()
    assert asyncio.run(shared.get()) == 2


def test_nobody_waits_longer_than_the_limit_and_no_second_read_begins() -> None:
    release = threading.Event()
    calls = []

    def read() -> str:
        calls.append(1)
        release.wait(10)
        return "late"

    shared = SharedRead("test", read, fresh_seconds=60, limit_seconds=0.05)
    for _ in range(3):
        with pytest.raises(NoAnswer):
            asyncio.run(shared.get())
    release.set()
    time.sleep(0.1)
    assert asyncio.run(shared.get()) == "late"
    assert len(calls) == 1


def test_an_error_is_shared_like_a_result() -> None:
    calls = []

    def read() -> None:
        calls.append(1)
        raise ValueError("no")

    shared = SharedRead("test", read, fresh_seconds=60, limit_seconds=5)
    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            asyncio.run(shared.get())
    assert len(calls) == 1


def test_an_old_result_is_returned_while_the_next_is_being_read() -> None:
    read = Counter()
    shared = SharedRead("test", read, fresh_seconds=0, limit_seconds=5, stale_seconds=60)
    assert asyncio.run(shared.get()) == 1
    assert asyncio.run(shared.get()) == 1
    time.sleep(0.1)
    assert asyncio.run(shared.get()) in (2, 3)


def test_the_last_result_is_known_without_a_new_read() -> None:
    read = Counter()
    shared = SharedRead("test", read, fresh_seconds=0, limit_seconds=5)
    assert shared.last() is None
    asyncio.run(shared.get())
    assert (shared.last(), read.calls) == (1, 1)


def test_an_error_is_no_last_result() -> None:
    def read() -> None:
        raise ValueError("no")

    shared = SharedRead("test", read, fresh_seconds=60, limit_seconds=5)
    with pytest.raises(ValueError, match="no"):
        asyncio.run(shared.get())
    assert shared.last() is None
