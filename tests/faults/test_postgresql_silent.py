"""A network that loses everything between a job and PostgreSQL: work in the background still ends."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from local.ports import HOST
from sync_jobs.postgres import background
from sync_jobs.postgres.background import in_background
from tests.awkward_data import Connection


@dataclass
class Line:
    """A connection between a client and a server. is_silent: it drops everything, and neither side gets an error."""

    port: int = 0
    is_silent: bool = False
    sockets: list[socket.socket] = field(default_factory=list)

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self.is_silent:
                    target.sendall(data)


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    line = Line()
    with socket.create_server((HOST, 0)) as listener:
        line.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection((HOST, port))
                    line.sockets += [client, server]
                    for ends in ((client, server), (server, client)):
                        threading.Thread(target=line.pass_on, args=ends, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield line
        listener.shutdown(socket.SHUT_RDWR)
    for each in line.sockets:
        each.close()


def sleep_long(connection: Connection) -> None:
    connection.execute("SELECT pg_sleep(600)")


def test_cancelled_work_ends_although_postgresql_does_not_answer(job_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CANCEL_SECONDS", 0.2)
    monkeypatch.setattr(background, "CANCEL_ATTEMPTS", 2)

    def interrupted(connection: Connection, line: Line) -> None:
        with in_background(connection, sleep_long, connection):
            time.sleep(0.5)
            line.is_silent = True
            raise InterruptedError

    with line_to(int(conninfo_to_dict(job_dsn)["port"] or 0)) as line:
        connection = psycopg.connect(make_conninfo(job_dsn, port=line.port), autocommit=True)
        began = time.monotonic()
        with pytest.raises(InterruptedError):
            interrupted(connection, line)
        assert time.monotonic() - began < 20
        assert connection.broken
