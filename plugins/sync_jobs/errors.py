"""The errors of a job. The text of each error says what was expected and what to do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


class SyncJobError(Exception):
    """Base of all errors of the jobs. If it is not a TransientError, the same run would fail again.

    state: what was written and what readers see; it becomes the last sentence of the text. The code that raises an
    error says what happened and what to do. Only its caller knows how far the work has come (state_on_error).
    """

    state = ""

    def __str__(self) -> str:
        what = super().__str__()
        return f"{what.rstrip('.')}. {self.state}" if self.state else what


class BadArgument(SyncJobError):
    """A parameter of a run does not have the expected form. Nothing was started."""


class GuardRail(SyncJobError):
    """The run would remove, add or change more than its limits allow.

    headroom: what check_guard_rails() would have returned; below zero for a limit that the run exceeds.
    """

    def __init__(self, text: str, headroom: Mapping[str, float] | None = None) -> None:
        super().__init__(text)
        self.headroom = dict(headroom or {})


class NotWritten(SyncJobError):
    """A server accepted what the run wrote, but did not keep it as it was written."""


class IndexNotAsExpected(SyncJobError):
    """The new index, the alias or the source are not as expected."""


class RejectedDocument(SyncJobError):
    """Elasticsearch refused a document because of its content. The text names only key, field and kind of reason."""


class SearchBlocked(SyncJobError):
    """Elasticsearch rejects writes (disk full, read-only) until somebody removes the block."""


class AccessRefused(SyncJobError):
    """A server refused our login or a permission."""


class UnsupportedServer(SyncJobError):
    """The address leads to another server, to a version that is too old, or through a pooler that cannot be used."""


class TransientError(SyncJobError):
    """An error that can pass by itself: a lost connection, an overload, a conflict with another writer."""


class AlreadyRunning(TransientError):
    """Another run of the same job, or another change of the same index, holds the lock."""


@dataclass
class State:
    """text: a sentence that says what was written and what readers see at this point."""

    text: str


@contextmanager
def state_on_error(text: str) -> Iterator[State]:
    """Add the state of the work to every SyncJobError that leaves the block, unless the error has one already.

    The block replaces the text each time the work has progressed.
    """
    state = State(text)
    try:
        yield state
    except SyncJobError as error:
        error.state = error.state or state.text
        raise
