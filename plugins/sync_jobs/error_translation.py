"""Errors of both servers' clients, translated into SyncJobError."""

from collections.abc import Iterator
from contextlib import contextmanager

from sync_jobs.errors import State, state_on_error
from sync_jobs.postgres.errors import postgres_errors_translated
from sync_jobs.search.errors import elasticsearch_errors_translated


@contextmanager
def errors_translated() -> Iterator[None]:
    """Turn the errors of both servers' clients into ours."""
    with postgres_errors_translated(), elasticsearch_errors_translated():
        yield


@contextmanager
def errors_translated_with_state(text: str) -> Iterator[State]:
    """Like errors_translated(); every error also says how far the work has come (state_on_error)."""
    with state_on_error(text) as state, errors_translated():
        yield state
