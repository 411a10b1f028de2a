"""Elasticsearch's errors told apart: what passes by itself, what somebody has to mend."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from elastic_transport import TlsError, TransportError
from elasticsearch import ApiError
from elasticsearch.helpers import ScanError

from sync_jobs.errors import AccessRefused, IndexNotAsExpected, SearchBlocked, SyncJobError, TransientError

OVERLOADED = frozenset({429, 502, 503, 504})
NOT_FOUND = 404
# 401: nobody that it knows; 403: somebody who may not do this.
NO_ACCESS = frozenset({401, 403})

BLOCKED = "cluster_block_exception"
REMOVED = "index_not_found_exception"
CLOSED = "index_closed_exception"
# OpenSSL's word for a certificate that somebody has to correct; other failures of TLS are connections that broke.
NOT_TRUSTED = "CERTIFICATE_VERIFY_FAILED"

# Not the fault of a document, though each operation of a bulk request is refused by itself.
OF_THE_INDEX = frozenset({BLOCKED, REMOVED, CLOSED})


def _account(error: ApiError) -> dict[str, Any]:
    """Elasticsearch's own account of the error; its type, such as index_not_found_exception, "unknown" without one."""
    body: Any = error.body
    account = body.get("error") if isinstance(body, dict) else None
    return {"type": "unknown"} | account if isinstance(account, dict) else {"type": str(account or "unknown")}


def blocked_message(reason: str) -> str:
    """For SearchBlocked. reason: Elasticsearch's, which names blocks and indices only."""
    return f"Elasticsearch takes no writes: {reason}. Free disk space or remove the block, then run the job again."


def removed_message(index: str) -> str:
    """For an index of ours that is not there any more, or that is another one by now."""
    return f"{index} was removed, by another build or by hand. Look who did so, then run the job again."


def raise_unless_overloaded(error: ApiError) -> None:
    """Return if a later attempt may succeed; else raise what refusal() gives."""
    account = _account(error)
    if error.status_code not in OVERLOADED or account["type"] == BLOCKED:
        raise refusal(error.status_code, account) from None


def refusal(status: int, error: Mapping[str, Any]) -> SyncJobError:
    """What to raise for a request, or an operation of a bulk request, that Elasticsearch will not do later either.

    error: its own account of it, with the type and, of the kinds told apart here, a reason that quotes no document.
    """
    kind, index = error["type"], error.get("index", "an index")
    if kind == BLOCKED:
        return SearchBlocked(blocked_message(error["reason"]))
    if status in NO_ACCESS:
        return AccessRefused(
            f"Elasticsearch refused access: {status} {error.get('reason', kind)}. Correct user and password, or the "
            "API key, or give them the right that is missing, then run the job again."
        )
    if kind == REMOVED:
        return IndexNotAsExpected(removed_message(index))
    if kind == CLOSED:
        return IndexNotAsExpected(f"{index} is closed. Open it (POST /{index}/_open), then run the job again.")
    return SyncJobError(f"Elasticsearch refused a request: {status} {kind}")


def is_not_trusted(error: TransportError) -> bool:
    """Whether Elasticsearch has a certificate that somebody has to correct; no later attempt would find another."""
    return isinstance(error, TlsError) and NOT_TRUSTED in error.message


@contextmanager
def elasticsearch_errors_translated() -> Iterator[None]:
    """Turn the client's exceptions into ours. Texts that quote documents or queries are left behind."""
    try:
        yield
    except ApiError as error:
        raise_unless_overloaded(error)
        raise TransientError(f"Elasticsearch is overloaded: {error.status_code} {_account(error)['type']}") from None
    except TransportError as error:
        if is_not_trusted(error):
            raise AccessRefused(
                "The certificate of Elasticsearch is not trusted: expected one of the authority in the connection "
                "(ca_certs), for the name by which it is reached. Correct the connection, or the certificate, then "
                "run the job again."
            ) from None
        raise TransientError(f"Elasticsearch cannot be reached: {type(error).__name__}") from None
    except ScanError as error:  # neither of the two: a page of a scroll, of which some shards gave nothing
        raise TransientError(f"Elasticsearch searched some of its shards only: {error}") from None
