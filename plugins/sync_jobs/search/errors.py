"""Errors of Elasticsearch and its client, translated into ours: those that can pass and those that cannot."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from elastic_transport import TlsError, TransportError
from elasticsearch import ApiError
from elasticsearch.helpers import ScanError

from sync_jobs.errors import AccessRefused, IndexNotAsExpected, SearchBlocked, SyncJobError, TransientError

OVERLOADED = frozenset({429, 502, 503, 504})
NOT_FOUND = 404
# 401: unknown user or wrong password; 403: a permission is missing.
NO_ACCESS = frozenset({401, 403})

BLOCKED = "cluster_block_exception"
REMOVED = "index_not_found_exception"
CLOSED = "index_closed_exception"
# OpenSSL's code for a certificate that does not verify. Any other TLS failure counts as a broken connection.
NOT_TRUSTED = "CERTIFICATE_VERIFY_FAILED"

# Problems of the whole index, although Elasticsearch reports them for each operation of a bulk request.
OF_THE_INDEX = frozenset({BLOCKED, REMOVED, CLOSED})


def _account(error: ApiError) -> dict[str, Any]:
    """The error object of the response. Its type is, for example, index_not_found_exception; "unknown" without one."""
    body: Any = error.body
    account = body.get("error") if isinstance(body, dict) else None
    return {"type": "unknown"} | account if isinstance(account, dict) else {"type": str(account or "unknown")}


def blocked_message(reason: str) -> str:
    """The text of SearchBlocked. reason: as Elasticsearch gives it; it names only blocks and indices."""
    return f"Elasticsearch rejects writes: {reason}. Free disk space or remove the block, then run the job again."


def removed_message(index: str) -> str:
    """For an index that create() made and that no longer exists, or that has been replaced by another of that name."""
    return f"{index} was removed, by another build or manually. Find out who removed it, then run the job again."


def raise_unless_overloaded(error: ApiError) -> None:
    """Return if a later attempt may succeed; otherwise raise the error of refusal()."""
    account = _account(error)
    if error.status_code not in OVERLOADED or account["type"] == BLOCKED:
        raise refusal(error.status_code, account) from None


def refusal(status: int, error: Mapping[str, Any]) -> SyncJobError:
    """The error to raise for a request, or an operation of a bulk request, that Elasticsearch would refuse again.

    error: the error object of the response. It has the type and, for the kinds that are distinguished here, a reason
    that quotes no document.
    """
    kind, index = error["type"], error.get("index", "an index")
    if kind == BLOCKED:
        return SearchBlocked(blocked_message(error["reason"]))
    if status in NO_ACCESS:
        return AccessRefused(
            f"Elasticsearch refused access: {status} {error.get('reason', kind)}. Correct the user and "
            "password or the API key, or grant the missing permission, then run the job again."
        )
    if kind == REMOVED:
        return IndexNotAsExpected(removed_message(index))
    if kind == CLOSED:
        return IndexNotAsExpected(f"{index} is closed. Open it (POST /{index}/_open), then run the job again.")
    return SyncJobError(f"Elasticsearch refused a request: {status} {kind}")


def is_not_trusted(error: TransportError) -> bool:
    """Whether the certificate of Elasticsearch does not verify: a retry would not help."""
    return isinstance(error, TlsError) and NOT_TRUSTED in error.message


@contextmanager
def elasticsearch_errors_translated() -> Iterator[None]:
    """Turn the client's exceptions into ours, without the texts that quote documents or queries."""
    try:
        yield
    except ApiError as error:
        raise_unless_overloaded(error)
        raise TransientError(f"Elasticsearch is overloaded: {error.status_code} {_account(error)['type']}") from None
    except TransportError as error:
        if is_not_trusted(error):
            raise AccessRefused(
                "The certificate of Elasticsearch is not trusted: expected one that is signed by the authority in "
                "the connection (ca_certs) and valid for its host name. Correct the connection or the certificate, "
                "then run the job again."
            ) from None
        raise TransientError(f"Elasticsearch cannot be reached: {type(error).__name__}") from None
    except ScanError as error:  # neither of the two: some shards did not answer for a page of a scroll
        raise TransientError(f"Elasticsearch searched only some of its shards: {error}") from None
