"""Work on a connection in a background thread, while the caller does something else."""

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

import psycopg

from sync_jobs.postgres.statements import Connection

# The time limit of one attempt to cancel a statement, and the pause between two attempts.
CANCEL_SECONDS = 5.0
CANCEL_PAUSE_SECONDS = 0.5
# After so many attempts the server does not answer any more, and the connection is cut.
CANCEL_ATTEMPTS = 10

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


@contextmanager
def in_background(
    connection: Connection, work: Callable[Arguments, Result], *arguments: Arguments.args, **keywords: Arguments.kwargs
) -> Iterator["Future[Result]"]:
    """Run work in a background thread. Nothing else may use the connection until it has ended.

    If the block raises, the running statement is cancelled, repeatedly until the work has ended. If the server does not
    react, the connection is cut.
    """
    with ThreadPoolExecutor(1, thread_name_prefix=work.__name__) as thread:
        future = thread.submit(work, *arguments, **keywords)
        try:
            yield future
        except BaseException:
            _cancel(connection, future)
            raise


def _cancel(connection: Connection, future: "Future[Any]") -> None:
    """Cancel statements until the work has ended, and cut the connection if the server does not react."""
    for _ in range(CANCEL_ATTEMPTS):  # a cancel that arrives between two statements has no effect: repeat it
        if future.done():
            return
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=CANCEL_SECONDS)
        wait([future], timeout=CANCEL_PAUSE_SECONDS)
    if not future.done():
        with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as cut:
            cut.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for the server
