"""Readers of the tables of the jobs see old or new rows, always those that both have in common, and never wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from threading import Event, Thread

import psycopg
import pytest

from tests.awkward_data import Connection
from tests.comparison import RunJob

RUN_DATE = date(2026, 3, 10)
PERSONS = 3_000
FILL = """
    INSERT INTO person (id) SELECT generate_series(1, %(n)s);
    INSERT INTO post (id, owner, employing_body_id, training_body_id)
    SELECT id, 'Health Education England Wessex', mod(id, 50), mod(id, 50)
    FROM generate_series(1, %(n)s) AS id;
    INSERT INTO placement (id, trainee_id, post_id, date_from, date_to)
    SELECT id, id, id, '2026-01-01', '2026-12-31' FROM generate_series(1, %(n)s) AS id;
"""
# For each job: counts the rows that stay the same when every tenth post changes.
TABLES = {
    "PersonOwnerRebuildJob": "SELECT count(*) FROM person_owner WHERE id % 10 <> 0",
    "PersonPlacementEmployingBodyTrustJob": "SELECT count(*) FROM person_trust WHERE person_id % 10 <> 0",
    "PersonPlacementTrainingBodyTrustJob": "SELECT count(*) FROM person_trust WHERE person_id % 10 <> 0",
    "PostEmployingBodyTrustJob": "SELECT count(*) FROM post_trust WHERE post_id % 10 <> 0",
    "PostTrainingBodyTrustJob": "SELECT count(*) FROM post_trust WHERE post_id % 10 <> 0",
}
CHANGE = """
    UPDATE post
    SET owner = owner || '.', employing_body_id = employing_body_id + 1, training_body_id = training_body_id + 1
    WHERE id % 10 = 0
"""
ROUNDS = 3


@contextmanager
def reading(dsn: str, query: str) -> Iterator[list[int]]:
    """A background reader that counts continuously and fails if it has to wait for a lock. Yields its counts."""
    counts: list[int] = []
    failures: list[Exception] = []
    started, ended = Event(), Event()

    def read() -> None:
        try:
            with psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=100ms") as reader:
                while not ended.is_set():
                    counts.append(reader.execute(query).fetchall()[0][0])
                    started.set()
        except psycopg.Error as error:
            failures.append(error)
            started.set()

    thread = Thread(target=read)
    thread.start()
    started.wait()
    try:
        yield counts
    finally:
        ended.set()
        thread.join()
    assert not failures


@pytest.mark.parametrize(("job", "common_rows"), TABLES.items(), ids=TABLES)
def test_a_reader_always_finds_what_old_and_new_rows_have_in_common(
    tcs: Connection, tcs_dsn: str, run: RunJob, job: str, common_rows: str
) -> None:
    psycopg.ClientCursor(tcs).execute(FILL, {"n": PERSONS})
    run(job, RUN_DATE)
    (in_common,) = tcs.execute(common_rows).fetchall()[0]

    with reading(tcs_dsn, common_rows) as counts:
        for _ in range(ROUNDS):
            tcs.execute(CHANGE)
            report = run(job, RUN_DATE)
            assert report.added + report.changed == PERSONS // 10

    assert in_common == PERSONS - PERSONS // 10
    assert set(counts) == {in_common}
    assert len(counts) > ROUNDS
