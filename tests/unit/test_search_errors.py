"""Errors of Elasticsearch and its client: what can pass, what is shown of a reason, and what is not Elasticsearch."""

from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, SerializationError, TransportError
from elasticsearch import ApiError, UnsupportedProductError

from sync_jobs.errors import (
    AccessRefused,
    IndexNotAsExpected,
    SearchBlocked,
    SyncJobError,
    TransientError,
    UnsupportedServer,
)
from sync_jobs.search.errors import elasticsearch_errors_translated, raise_unless_transient

ELASTICSEARCH = {"x-elastic-product": "Elasticsearch", "content-type": "application/json"}
WEB_PAGE = {"content-type": "text/html"}
NODE = NodeConfig("https", "search", 9243, path_prefix="/es")


def api_error(
    status: int, body: Any, headers: dict[str, str] = ELASTICSEARCH, kind: type[ApiError] = ApiError
) -> ApiError:
    meta = ApiResponseMeta(node=NODE, duration=0.0, http_version="1.1", status=status, headers=HttpHeaders(headers))
    return kind("message", meta, body)


def translated(error: Exception) -> SyncJobError:
    with pytest.raises(SyncJobError) as caught, elasticsearch_errors_translated():
        raise error
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 507, 599])
@pytest.mark.parametrize("body", [{"error": {"type": "node_closed_exception", "reason": "closed"}}, "<html>", "", None])
def test_a_timeout_an_overload_and_every_error_of_the_server_can_pass(status: int, body: Any) -> None:
    error = translated(api_error(status, body, ELASTICSEARCH if isinstance(body, dict) else WEB_PAGE))
    assert type(error) is TransientError
    assert f"cannot answer now: {status} " in str(error)


def test_an_error_that_can_pass_has_the_servers_reason() -> None:
    account = {
        "type": "search_phase_execution_exception",
        "reason": "all shards failed",
        "root_cause": [{"type": "es_rejected_execution_exception", "reason": "[search.max_open_scroll_context]"}],
    }
    assert str(translated(api_error(429, {"error": account}))).endswith(
        "429 search_phase_execution_exception: all shards failed; [search.max_open_scroll_context]"
    )


@pytest.mark.parametrize(
    ("status", "kind"), [(503, TransientError), (500, TransientError), (429, SearchBlocked), (403, SearchBlocked)]
)
def test_a_block_can_pass_if_it_is_the_clusters_own(status: int, kind: type[SyncJobError]) -> None:
    """503: the cluster has no master or is starting. 429: the disk is full. 403: somebody has set a block."""
    assert type(translated(api_error(status, {"error": {"type": "cluster_block_exception", "reason": "x"}}))) is kind


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            {"type": "validation_exception", "reason": "Validation Failed: 1: this action would add [2] shards;"},
            "400 validation_exception: Validation Failed: 1: this action would add [2] shards;",
        ),
        (
            {
                "type": "search_phase_execution_exception",
                "reason": "all shards failed",
                "root_cause": [{"type": "x", "reason": "No mapping found for [personId]"}],
            },
            "400 search_phase_execution_exception: all shards failed; No mapping found for [personId]",
        ),
        (
            {"type": "a", "reason": "outer", "caused_by": {"type": "b", "reason": "inner"}},
            "400 a: outer; inner",
        ),
        ({"type": "a"}, "400 a"),
    ],
)
def test_a_request_without_documents_is_refused_in_the_servers_words(error: dict[str, Any], words: str) -> None:
    assert str(translated(api_error(400, {"error": error}))) == f"Elasticsearch refused a request: {words}"


def test_a_request_with_documents_is_refused_without_words_that_could_quote_them() -> None:
    error = api_error(400, {"error": {"type": "illegal_argument_exception", "reason": "Malformed: {surname: Smith}"}})
    with pytest.raises(SyncJobError) as caught:
        raise_unless_transient(error, carries_documents=True)
    assert str(caught.value) == "Elasticsearch refused a request: 400 illegal_argument_exception"


@pytest.mark.parametrize("status", [200, 301, 302, 400, 404, 405])
def test_a_web_page_is_not_elasticsearch(status: int) -> None:
    kind = UnsupportedProductError if status == 200 else ApiError
    error = translated(api_error(status, "<html>Welcome</html>", WEB_PAGE, kind))
    assert type(error) is UnsupportedServer
    assert "The server at https://search:9243/es is not Elasticsearch 9 or later, or a proxy removes " in str(error)
    assert f"X-Elastic-Product: expected that header and JSON, got {status} " in str(error)
    assert "Welcome" not in str(error)


def test_an_answer_of_elasticsearch_without_its_header_names_the_proxy() -> None:
    error = translated(api_error(200, {"cluster_name": "x"}, {}, UnsupportedProductError))
    assert type(error) is UnsupportedServer
    assert "X-Elastic-Product: expected that header and JSON, got 200 OK, without a content type." in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_a_proxy_refuses_is_refused_access(status: int) -> None:
    error = translated(api_error(status, "<html>", WEB_PAGE))
    assert type(error) is AccessRefused
    assert {401: "401 Unauthorized", 403: "403 Forbidden"}[status] in str(error)


def test_an_answer_that_is_cut_off_can_pass() -> None:
    error = translated(SerializationError("Unable to deserialize as JSON: {'took':"))
    assert type(error) is TransientError
    assert "cannot answer now: it sent something other than JSON, or only a part of an answer" in str(error)


def test_a_web_page_that_a_proxy_gives_the_header_of_elasticsearch_is_not_elasticsearch() -> None:
    error = translated(api_error(404, "<html>", WEB_PAGE | {"x-elastic-product": "Elasticsearch"}))
    assert type(error) is UnsupportedServer
    assert "expected that header and JSON, got 404 Not Found, text/html." in str(error)


def test_what_another_server_sends_cannot_garble_the_message() -> None:
    error = translated(TransportError("refused", errors=(ConnectionError("\x15\x03\x01(\x1b[31m"),)))
    assert "TransportError, ???(?[31m" in str(error)


@pytest.mark.parametrize(
    ("status", "account"),
    [
        (400, {"type": "media_type_header_exception", "reason": "Invalid media-type value on headers [Accept]"}),
        (406, "Content-Type header [application/vnd.elasticsearch+json; compatible-with=9] is not supported"),
    ],
)
def test_an_older_elasticsearch_is_named_with_the_version_that_is_needed(status: int, account: Any) -> None:
    error = translated(api_error(status, {"error": account}))
    assert type(error) is UnsupportedServer
    assert "https://search:9243/es is not Elasticsearch 9 or later" in str(error)


def test_an_index_that_is_missing_is_not_taken_for_another_server() -> None:
    account = {"type": "index_not_found_exception", "reason": "no such index [x]", "index": "x"}
    assert type(translated(api_error(404, {"error": account}, {"content-type": "application/json"}))) is (
        IndexNotAsExpected
    )
