"""What can go wrong in a job. The text of each error says what was expected and what to do."""


class SyncJobError(Exception):
    """Base of all errors of the jobs. A mistake or a refusal: running the same again would fail again.

    state: in which the work was left, a sentence at the end of the text (error_translation.leaving). Whoever raises
    an error says only what happened and what to do: how far the work has come is its caller's to know.
    """

    state = ""

    def __str__(self) -> str:
        what = super().__str__()
        return f"{what.rstrip('.')}. {self.state}" if self.state else what


class BadArgument(SyncJobError):
    """An argument of a run is not of the form that it must have. Nothing was started."""


class GuardRail(SyncJobError):
    """The result would remove more than the limit allows."""


class IndexNotAsExpected(SyncJobError):
    """The built index, the alias or the source do not agree."""


class RejectedDocument(SyncJobError):
    """Elasticsearch refused a document for what is in it. Names person id, field and kind of reason only."""


class SearchBlocked(SyncJobError):
    """Elasticsearch takes no writes (disk full, read only): somebody has to free it first."""


class AccessRefused(SyncJobError):
    """A server does not let us in, or not do what we want: a wrong password, a right that is missing."""


class TransientError(SyncJobError):
    """Something that can pass by itself: connection lost, overloaded, conflict with another writer. Worth a retry."""


class AlreadyRunning(TransientError):
    """Another run of the same job, or of a job on the same index, holds the lock, until it ends."""
