"""Elasticsearch's errors told apart: what passes by itself, what somebody has to mend."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError
from elasticsearch.helpers import ScanError

from sync_jobs.errors import SearchBlocked, SyncJobError, TransientError

OVERLOADED = frozenset({429, 502, 503, 504})
BLOCKED = "cluster_block_exception"


def error_type(error: ApiError) -> str:
    """Elasticsearch's own name of the error, such as index_not_found_exception; "unknown" if it gave none."""
    body: Any = error.body
    details = body.get("error") if isinstance(body, dict) else None
    return str(details.get("type", "unknown")) if isinstance(details, dict) else str(details or "unknown")


def blocked_message(reason: str) -> str:
    """For SearchBlocked. reason: Elasticsearch's, which names blocks and indices only."""
    return f"Elasticsearch takes no writes: {reason}. Free disk space or remove the block, then run the job again."


def raise_unless_overloaded(error: ApiError) -> None:
    """Return if a later attempt may succeed; else raise SearchBlocked or SyncJobError."""
    kind = error_type(error)
    if kind == BLOCKED:
        raise SearchBlocked(blocked_message(str(error.body["error"]["reason"]))) from None
    if error.status_code not in OVERLOADED:
        raise SyncJobError(f"Elasticsearch refused a request: {error.status_code} {kind}") from None


@contextmanager
def elasticsearch_errors_translated() -> Iterator[None]:
    """Turn the client's exceptions into ours. Texts that quote documents or queries are left behind."""
    try:
        yield
    except ApiError as error:
        raise_unless_overloaded(error)
        raise TransientError(f"Elasticsearch is overloaded: {error.status_code} {error_type(error)}") from None
    except TransportError as error:
        raise TransientError(f"Elasticsearch cannot be reached: {type(error).__name__}") from None
    except ScanError as error:  # neither of the two: a page of a scroll, of which some shards gave nothing
        raise TransientError(f"Elasticsearch searched some of its shards only: {error}") from None
