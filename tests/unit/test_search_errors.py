"""Errors of the Elasticsearch client that a test cannot provoke with a server."""

import pytest
from elasticsearch.helpers import ScanError

from sync_jobs.errors import TransientError
from sync_jobs.search.errors import elasticsearch_errors_translated


def test_an_incomplete_scroll_is_a_transient_error() -> None:
    with (
        pytest.raises(TransientError, match="only some of its shards: Scroll request has only succeeded on 0"),
        elasticsearch_errors_translated(),
    ):
        raise ScanError("an id", "Scroll request has only succeeded on 0 (+0 skipped) shards out of 1.")
