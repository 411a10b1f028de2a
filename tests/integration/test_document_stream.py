"""Streaming text from PostgreSQL: every row, and the error as the server has it, wherever it comes."""

import random
from contextlib import closing
from itertools import islice
from typing import Any

import psycopg
import pytest

from sync_jobs.postgres.copy_rows import stream_text

MANY = "SELECT repeat('x', 1000) FROM generate_series(1, 20000)"

Connection = psycopg.Connection[Any]


def lines(connection: Connection, query: str) -> list[bytes]:
    return list(stream_text(connection, query, {}))


def assert_usable(connection: Connection) -> None:
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_every_row_arrives_unchanged_and_in_order(tcs: Connection, random_numbers: random.Random) -> None:
    lengths = [0, 1, 2, 70, 9000, 70_000]
    texts = [random_numbers.choice("aé😀\\\n\"'") * random_numbers.choice(lengths) for _ in range(3000)]
    tcs.execute("CREATE TEMPORARY TABLE line (number int, text text)")
    with tcs.cursor().copy("COPY line FROM STDIN") as copy:
        for row in enumerate(texts):
            copy.write_row(row)
    assert lines(tcs, "SELECT text FROM line ORDER BY number") == [text.encode() for text in texts]
    assert_usable(tcs)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_result_of_few_rows_or_none_is_complete(tcs: Connection, number: int) -> None:
    assert lines(tcs, f"SELECT 'x' FROM generate_series(1, {number})") == [b"x"] * number
    assert_usable(tcs)


def test_a_stream_that_is_closed_early_frees_the_connection(tcs: Connection) -> None:
    with closing(stream_text(tcs, MANY, {})) as stream:
        assert len(list(islice(stream, 3))) == 3
    assert_usable(tcs)


@pytest.mark.parametrize("number", [1, 2, 500, 19_999, 20_000])
def test_an_error_at_any_row_is_raised_as_the_server_reports_it(tcs: Connection, number: int) -> None:
    query = f"SELECT repeat('x', 1000) || 1 / (n - {number}) FROM generate_series(1, 20000) AS n"
    read: list[bytes] = []
    with pytest.raises(psycopg.errors.DivisionByZero, match="division by zero"):
        read.extend(stream_text(tcs, query, {}))
    assert_usable(tcs)


def test_an_error_before_the_first_row_is_raised_as_the_server_reports_it(tcs: Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable, match="nowhere"):
        lines(tcs, "SELECT text FROM nowhere")
    assert_usable(tcs)


def test_a_statement_that_is_cancelled_between_rows_raises(tcs: Connection) -> None:
    tcs.execute("SET statement_timeout = '300ms'")
    slow = "SELECT repeat('x', 1000) || pg_sleep(0.0001) FROM generate_series(1, 1000000)"
    with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
        for _ in stream_text(tcs, slow, {}):
            pass
    assert_usable(tcs)


def test_a_session_that_ends_between_rows_raises(tcs: Connection, tcs_dsn: str) -> None:
    stream = stream_text(tcs, MANY.replace("20000", "1000000"), {})
    next(stream)
    with psycopg.connect(tcs_dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (tcs.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError, match=r"administrator command|connection"):
        list(stream)
    assert tcs.broken
