"""Progress and phase times of a build, and background refreshes during the load."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.job_run import PhaseHook

log = logging.getLogger(__name__)


class Phases:
    """Seconds by phase, rounded to milliseconds; each is logged when it ends.

    hook: called with the name of each phase; the phase runs inside the context manager that it returns.
    """

    def __init__(self, hook: PhaseHook = nullcontext) -> None:
        self.seconds: dict[str, float] = {}
        self._hook = hook

    @contextmanager
    def of(self, phase: str) -> Iterator[None]:
        started = time.monotonic()
        with self._hook(phase):
            yield
        self.seconds[phase] = round(time.monotonic() - started, 3)
        log.info("%s: %.1f s", phase, self.seconds[phase])


class Progress:
    """Logs the progress of a build every few seconds."""

    def __init__(self, name: str, documents: int, every_seconds: float) -> None:
        self._name, self._documents, self._every = name, documents, every_seconds
        self._sent = 0
        self._started = self._logged = time.monotonic()

    def advance(self, documents: int) -> None:
        self._sent += documents
        now = time.monotonic()
        if now - self._logged >= self._every:
            self._logged = now
            rate = self._sent / (now - self._started)
            log.info("%s: %d of about %d documents, %.0f a second", self._name, self._sent, self._documents, rate)


class BackgroundRefresh:
    """Refreshes the index in the background while it is loaded, so that the last refresh has little left to do."""

    def __init__(self, client: Elasticsearch, name: str, every: int) -> None:
        self._client, self._name, self._every = client, name, every
        self._since = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="refresh")
        self._refresh: Future[Any] | None = None

    def __enter__(self) -> "BackgroundRefresh":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def advance(self, documents: int) -> None:
        self._since += documents
        idle = self._refresh is None or self._refresh.done()
        if self._since >= self._every and idle:
            self._since = 0
            # Its result does not matter: the last refresh does what this one has not done.
            self._refresh = self._thread.submit(self._client.indices.refresh, index=self._name)
