"""A request to Elasticsearch fails: the first promotion and the way back lose no document by it.

Each request of them can be the one that fails. A session tries some of them, at equal distances, because each takes a
second; its seed decides which one is the first.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from elastic_transport import ConnectionError as ElasticsearchUnreachable
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from sync_jobs import hand_back
from sync_jobs.errors import SyncJobError
from sync_jobs.hand_back import hand_back_index
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search import index_alias, plain_index
from sync_jobs.search.refresh import DocumentRefresh
from tests.application import ALIAS, Application
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, runner
from tests.conftest import delete_indices
from tests.integration.test_catch_up import as_in_postgresql, index_contents
from tests.running_service import RunningService

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
# More requests than the tested part ever sends.
MANY_REQUESTS = 200


@pytest.fixture
def application(tcs: Connection, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> Application:
    """With a few persons in PostgreSQL. No job waits, because nobody edits them."""
    application = Application(tcs, elasticsearch)
    application.add(range(1, 6))
    monkeypatch.setattr(DocumentRefresh, "settle", lambda _: None)
    monkeypatch.setattr(index_alias, "PROMOTION_WAIT_SECONDS", 0)
    return application


@contextmanager
def request_fails(
    client: Elasticsearch, number: int, place: tuple[Any, str], *, lost_answer: bool
) -> Iterator[list[str]]:
    """The request of that number fails, counted from the call of a function. Yields the requests since that call.

    lost_answer: it reaches Elasticsearch, and only its answer is lost.
    """
    owner, name = place
    function, perform = getattr(owner, name), client.transport.perform_request
    requests: list[str] = []
    counted = False

    def start(*arguments: Any, **keywords: Any) -> Any:
        nonlocal counted
        counted = True
        return function(*arguments, **keywords)

    def fail_once(method: str, target: str, **keywords: Any) -> Any:
        if not counted:
            return perform(method, target, **keywords)
        requests.append(f"{method} {target}")
        if len(requests) != number:
            return perform(method, target, **keywords)
        if lost_answer:
            perform(method, target, **keywords)
        raise ElasticsearchUnreachable("The test cuts the connection.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, start)
        patch.setattr(client.transport, "perform_request", fail_once)
        yield requests


def contents(client: Elasticsearch, index: str) -> dict[str, Any]:
    client.indices.refresh(index=index)
    return {hit["_id"]: hit["_source"] for hit in scan(client, index=index)}


def try_requests(
    client: Elasticsearch,
    place: tuple[Any, str],
    *,
    lost_answer: bool,
    first: int,
    step: int,
    prepare: Callable[[], None],
    act: Callable[[], object],
    check: Callable[[], None],
) -> int:
    """Prepare, act with a failing request, and check: for the first of these requests, and then each step-th one.

    Returns how many requests there were.
    """
    for number in range(first, MANY_REQUESTS, step):
        delete_indices(client)
        prepare()
        with request_fails(client, number, place, lost_answer=lost_answer) as requests:
            try:
                act()
            except SyncJobError:
                assert len(requests) >= number
        check()
        if len(requests) < number:
            return len(requests)
    raise AssertionError("The act never came to its end.")


@pytest.mark.parametrize("lost_answer", [False, True])
def test_whichever_request_of_the_first_promotion_fails_the_old_documents_are_kept(
    application: Application,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    random_numbers: random.Random,
    lost_answer: bool,
) -> None:
    run = runner(job_connection, elasticsearch)
    before: dict[str, Any] = {}

    def prepare() -> None:
        RunningService(application.postgres, elasticsearch).build_index(RUN_DATE)
        before.clear()
        before.update(contents(elasticsearch, ALIAS))

    def check() -> None:
        """Search is complete, now and after the next build, and the old documents are in a previous index."""
        assert index_contents(elasticsearch) == as_in_postgresql(application)
        run(JOB, RUN_DATE)
        assert index_contents(elasticsearch) == as_in_postgresql(application)
        previous = index_alias.find_indices(elasticsearch, ALIAS).previous
        assert before in [contents(elasticsearch, index) for index in previous]

    requests = try_requests(
        elasticsearch,
        (plain_index._PlainIndexCopy, "make"),
        lost_answer=lost_answer,
        first=random_numbers.randint(1, 5),
        step=5,
        prepare=prepare,
        act=lambda: run(JOB, RUN_DATE),
        check=check,
    )
    assert requests > 15


@pytest.mark.parametrize("lost_answer", [False, True])
def test_whichever_request_of_handing_back_fails_search_is_complete_and_takes_writes(
    application: Application,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    random_numbers: random.Random,
    lost_answer: bool,
) -> None:
    def prepare() -> None:
        runner(job_connection, elasticsearch)(JOB, RUN_DATE)

    def act() -> None:
        hand_back_index(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, settings=SETTINGS)

    def check() -> None:
        assert index_contents(elasticsearch) == as_in_postgresql(application)
        application.edit(3, "Written after it")
        assert index_contents(elasticsearch) == as_in_postgresql(application)

    requests = try_requests(
        elasticsearch,
        (hand_back._Exchange, "run"),
        lost_answer=lost_answer,
        first=random_numbers.randint(1, 2),
        step=2,
        prepare=prepare,
        act=act,
        check=check,
    )
    assert requests > 5
