"""A PgBouncer in front of the PostgreSQL of the tests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from local.ports import HOST, any_free_port
from local.postgres import ROLES, Postgres, as_server_user
from local.processes import Service, stop

ROLE = "sync_jobs"
START_SECONDS = 20


@contextmanager
def pgbouncer(folder: Path, server: Postgres, database: str, **settings: object) -> Iterator[int]:
    """The port of a PgBouncer with these settings, for all databases of the server and all roles but the administrator.

    folder: for its files; it does not exist yet. database: one that the role of the jobs may connect to. Skips the test
    where PgBouncer is not installed.
    """
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    folder.mkdir()
    folder.chmod(0o777)
    port = any_free_port()
    users = [f'"{role}" "{server.passwords[role]}"' for role in ROLES]
    (folder / "users.txt").write_text("\n".join(users), encoding="utf-8")
    values = {
        "listen_addr": HOST,
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": folder / "users.txt",
        "logfile": folder / "pgbouncer.log",
        "pool_mode": "session",
    } | settings
    lines = ["[databases]", f"* = host={HOST} port={server.port}", "[pgbouncer]"]
    lines += [f"{name} = {value}" for name, value in values.items()]
    configuration = folder / "pgbouncer.ini"
    configuration.write_text("\n".join(lines), encoding="utf-8")
    service = Service("PgBouncer", folder / "output.log", port)
    service = service.start(as_server_user([program, configuration]), {"PATH": os.environ["PATH"]}, folder)
    login = {"user": ROLE, "password": server.passwords[ROLE], "dbname": database}
    try:
        service.wait_until(lambda: accepts(port=port, **login), START_SECONDS)
        yield port
    finally:
        stop([service])


def accepts(**login: object) -> bool:
    """Whether a connection can be opened. login: as psycopg.connect() takes it."""
    try:
        psycopg.connect(host="localhost", connect_timeout=2, **login).close()  # type: ignore[arg-type]
    except psycopg.OperationalError:
        return False
    return True
