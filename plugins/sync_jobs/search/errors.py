"""Errors of Elasticsearch and its client, translated into SyncJobError: those that can pass and those that cannot."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import responses as http_phrases
from typing import Any

from elastic_transport import ApiResponseMeta, SerializationError, TlsError, TransportError
from elasticsearch import ApiError, UnsupportedProductError

from sync_jobs.errors import (
    AccessRefused,
    IndexNotAsExpected,
    SearchBlocked,
    SyncJobError,
    TransientError,
    UnsupportedServer,
)

MINIMUM_MAJOR_VERSION = 9  # of the client: a server of an older major version refuses its media type
WANTED_SERVER = f"Elasticsearch {MINIMUM_MAJOR_VERSION} or later"

NOT_FOUND = 404
# 401: unknown user or wrong password; 403: a permission is missing.
NO_ACCESS = frozenset({401, 403})
# Timeout and overload. Every 5xx can pass, too (can_pass).
TIMEOUT_OR_OVERLOAD = frozenset({408, 429})
SERVER_ERROR = 500

BLOCKED = "cluster_block_exception"
REMOVED = "index_not_found_exception"
CLOSED = "index_closed_exception"
SNAPSHOT_IN_PROGRESS = "snapshot_in_progress_exception"
# The answers to a client of a newer major version.
OTHER_VERSION = "media_type_header_exception"
NOT_ACCEPTABLE = 406
# OpenSSL's code for a certificate that does not verify. Any other TLS failure counts as a broken connection.
NOT_TRUSTED = "CERTIFICATE_VERIFY_FAILED"

# What only a document itself can cause, alone or as the cause of another error.
OF_A_DOCUMENT = frozenset(
    {
        "document_parsing_exception",
        "mapper_parsing_exception",
        "strict_dynamic_mapping_exception",
        "max_bytes_length_exceeded_exception",
        "input_coercion_exception",
        "number_format_exception",
    }
)
# Illegal arguments can also be a mistake in a setting. These reasons are about the document.
GENERAL = "illegal_argument_exception"
REASONS_OF_A_DOCUMENT = ("immense term", "nested documents", "Limit of total fields", "Limit of mapping depth")
# The only errors of an operation with a document whose reasons cannot quote it: they quote names.
REASONS_WITHOUT_CONTENT = ("pipeline with id [", "routing is required for [")

# A longer reason is truncated.
LONGEST_REASON = 500


def can_pass(status: int, kind: str) -> bool:
    """Whether a later attempt may succeed: every 5xx, 408 and 429, except a block that somebody has to remove.

    And a refusal to remove an index while a snapshot of it is being made, which Elasticsearch answers with 400.
    """
    return kind == SNAPSHOT_IN_PROGRESS or status >= SERVER_ERROR or (status in TIMEOUT_OR_OVERLOAD and kind != BLOCKED)


def blames_a_document(error: Mapping[str, Any]) -> bool:
    """Whether an operation of a bulk request was refused for what is in its document, and not for anything else."""
    return any(
        each["type"] in OF_A_DOCUMENT
        or (each["type"] == GENERAL and any(words in (each.get("reason") or "") for words in REASONS_OF_A_DOCUMENT))
        for each in _causes(error)
    )


def _causes(error: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    while error:
        yield error
        error = error.get("caused_by")


def _account(error: ApiError) -> dict[str, Any]:
    """The error object of the response. Its type is, for example, index_not_found_exception; else the HTTP phrase."""
    body: Any = error.body
    account = body.get("error") if isinstance(body, dict) else None
    default = {"type": _phrase(error.status_code)}
    if isinstance(account, dict):
        return default | account
    return {"type": account} if isinstance(account, str) else default


def status_and_type(error: ApiError) -> str:
    """The error as text, such as 429 es_rejected_execution_exception or 502 Bad Gateway."""
    return f"{error.status_code} {_account(error)['type']}"


def _phrase(status: int) -> str:
    return http_phrases.get(status, "unknown")


def blocked_message(reason: str) -> str:
    """The text of SearchBlocked. reason: as Elasticsearch gives it; it names only blocks and indices."""
    return (
        f"Elasticsearch rejects writes: {reason.rstrip('.;')}. Free disk space, or remove the block or the setting "
        "that is named, then run the job again."
    )


def removed_message(index: str) -> str:
    """For an index that create() made and that no longer exists, or that has been replaced by another of that name."""
    return f"{index} was removed, by another build or manually. Find out who removed it, then run the job again."


def raise_unless_transient(error: ApiError, *, carries_documents: bool = False) -> None:
    """Return if a later attempt may succeed; otherwise raise the error of refusal().

    carries_documents: whether the request did, so that the server's reason may quote them.
    """
    account = _account(error)
    if can_pass(error.status_code, account["type"]):
        return
    if error.status_code not in NO_ACCESS:
        refuse_other_server(error)
    if account["type"] == OTHER_VERSION or error.status_code == NOT_ACCEPTABLE:
        raise UnsupportedServer(
            f"{_address(error.meta)} is not {WANTED_SERVER}: it does not know the media type of this client. Correct "
            "the connection or upgrade the cluster, then run the job again."
        ) from None
    raise refusal(error.status_code, account, carries_document=carries_documents) from None


def refusal(status: int, error: Mapping[str, Any], *, carries_document: bool = True) -> SyncJobError:
    """The error to raise for a request, or an operation of a bulk request, that Elasticsearch would refuse again.

    error: the error object of the response. It has the type and, for the kinds that are distinguished here, a reason
    that quotes no document. carries_document: whether any other reason may quote one, so that it is left out.
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
    return SyncJobError(f"Elasticsearch refused a request: {status} {kind}{_reason(error, carries_document)}")


def _reason(error: Mapping[str, Any], carries_document: bool) -> str:
    """The reason that Elasticsearch gives, with its first cause if that says more; empty if it may quote a document."""
    root = next(iter(error.get("root_cause") or [error]))
    reasons = [error.get("reason"), root.get("reason"), *(cause.get("reason") for cause in _causes(error))]
    said = dict.fromkeys(str(reason) for reason in reasons if reason)
    if carries_document:
        said = {reason: None for reason in said if reason.startswith(REASONS_WITHOUT_CONTENT)}
    return f": {'; '.join(said)[:LONGEST_REASON]}" if said else ""


def refuse_other_server(error: ApiError) -> None:
    """Raise UnsupportedServer unless Elasticsearch itself answered."""
    if not is_from_elasticsearch(error):
        meta = error.meta
        raise UnsupportedServer(
            f"The server at {_address(meta)} is not {WANTED_SERVER}, or a proxy removes the header X-Elastic-Product: "
            f"expected that header and JSON, got {meta.status} {_phrase(meta.status)}, "
            f"{meta.mimetype or 'without a content type'}. Correct the host of the connection or the proxy, then run "
            "the job again."
        ) from None


def is_from_elasticsearch(error: ApiError) -> bool:
    """Whether Elasticsearch itself answered: it names itself in a header of every answer."""
    if isinstance(error, UnsupportedProductError):
        return False
    return names_itself(error.meta) or (isinstance(error.body, dict) and isinstance(error.body.get("error"), dict))


def names_itself(meta: ApiResponseMeta) -> bool:
    """Whether an answer has the header of Elasticsearch, and is not a text, such as the page of a proxy."""
    return meta.headers.get("x-elastic-product") == "Elasticsearch" and not (meta.mimetype or "").startswith("text/")


def _address(meta: ApiResponseMeta) -> str:
    """The address of the node that answered, without user and password."""
    node = meta.node
    host = f"[{node.host}]" if ":" in node.host else node.host
    return f"{node.scheme}://{host}:{node.port}{node.path_prefix}"


def is_not_trusted(error: TransportError) -> bool:
    """Whether the certificate of Elasticsearch does not verify: a retry would not help."""
    return isinstance(error, TlsError) and NOT_TRUSTED in error.message


def _where(error: TransportError) -> str:
    """The address, if the client noted it (sync_jobs.search.keepalive_node)."""
    notes = getattr(error, "__notes__", [])
    return f" at {notes[-1]}" if notes else ""


def _why_unreachable(error: TransportError) -> str:
    """The kind of error, and what the operating system or the TLS library said first."""
    kind, first = type(error).__name__, _first_cause(error)
    said = "".join(each if each.isprintable() else "?" for each in str(first))  # it may quote what another server sent
    return kind if first is error else f"{kind}, {said}"


def _first_cause(error: BaseException) -> BaseException:
    """The error that led to all others. The client keeps its cause in errors, urllib3 in the usual place or in args."""
    causes = [*getattr(error, "errors", ()), error.__cause__, *error.args]
    cause = next((each for each in causes if isinstance(each, BaseException)), None)
    return error if cause is None else _first_cause(cause)


@contextmanager
def elasticsearch_errors_translated() -> Iterator[None]:
    """Turn the client's exceptions into ours, without the texts that quote documents or queries."""
    try:
        yield
    except ApiError as error:
        raise_unless_transient(error)
        raise TransientError(
            f"Elasticsearch, or a proxy in front of it, cannot answer now: {status_and_type(error)}"
            f"{_reason(_account(error), carries_document=False)}"
        ) from None
    except SerializationError:
        raise TransientError(
            "Elasticsearch, or a proxy in front of it, cannot answer now: it sent something other than JSON, or only a "
            "part of an answer"
        ) from None
    except TransportError as error:
        if is_not_trusted(error):
            raise AccessRefused(
                "The certificate of Elasticsearch is not trusted: expected one that is signed by the authority in "
                "the connection (ca_certs) and valid for its host name. Correct the connection or the certificate, "
                "then run the job again."
            ) from None
        raise TransientError(f"Elasticsearch cannot be reached{_where(error)}: {_why_unreachable(error)}") from None
