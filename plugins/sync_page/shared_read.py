"""A read that all callers share: many visitors at once cause one query a second, not one each."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class NoAnswer(Exception):
    """The read has not ended within its time limit."""


class SharedRead(Generic[T]):
    """Calls read() in a thread of its own, at most once at a time, and gives its result to all callers.

    fresh_seconds: how old a result may be. Later callers wait together for the next result. An error is shared like a
    result. limit_seconds: nobody waits longer; the read continues, and no second one is started. stale_seconds: if
    given, callers get an older result at once, up to this age, while the next one is being read.
    """

    def __init__(
        self, name: str, read: Callable[[], T], *, fresh_seconds: float, limit_seconds: float, stale_seconds: float = 0
    ) -> None:
        self._name, self._read = name, read
        self._fresh, self._limit, self._stale = fresh_seconds, limit_seconds, stale_seconds
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"sync page {name}")
        self._next: Future[T] | None = None
        self._last: Future[T] | None = None
        self._at = 0.0

    async def get(self) -> T:
        """The result. Raises what read() raises, and NoAnswer."""
        future = self._current()
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), self._limit)
        except TimeoutError:
            raise NoAnswer(f"no answer within {self._limit:g} seconds") from None

    def last(self) -> T | None:
        """The last result, however old it is; None before the first one, and after an error."""
        with self._lock:
            newest = self._next if self._next is not None and self._next.done() else self._last
        return newest.result() if newest is not None and newest.exception() is None else None

    def forget(self) -> None:
        """Read again at the next call: something has just changed."""
        with self._lock:
            self._at = 0.0

    def _current(self) -> Future[T]:
        with self._lock:
            if self._next is not None and self._next.done():
                self._last, self._next = self._next, None
            age = time.monotonic() - self._at
            if self._last is not None and self._at and age < self._fresh:
                return self._last
            if self._next is None:
                self._next = self._executor.submit(self._timed)
            if self._last is not None and self._at and age < self._stale:
                return self._last
            return self._next

    def _timed(self) -> T:
        started = time.monotonic()
        try:
            return self._read()
        finally:
            with self._lock:
                self._at = started
