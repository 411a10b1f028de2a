"""Errors of Elasticsearch's client that no server can be made to cause at will."""

import pytest
from elasticsearch.helpers import ScanError

from sync_jobs.errors import TransientError
from sync_jobs.search.errors import elasticsearch_errors_translated


def test_a_scroll_that_some_shards_did_not_answer_is_worth_a_retry() -> None:
    with (
        pytest.raises(TransientError, match="only some of its shards: Scroll request has only succeeded on 0"),
        elasticsearch_errors_translated(),
    ):
        raise ScanError("an id", "Scroll request has only succeeded on 0 (+0 skipped) shards out of 1.")
