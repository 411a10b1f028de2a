"""A clock that a test sets for all processes of an Airflow, by means of libfaketime."""

import contextlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from libfaketime import get_reload_information  # type: ignore[import-untyped]  # it ships no types
from psycopg import sql

from local.home import write_private


class HostClock:
    """A clock that starts at a chosen moment and runs at the speed of the machine's clock.

    file: contains by how many seconds it is ahead of the machine's clock. Each process reads it once a second, so all
    have the same time again a second after a move. Monotonic clocks and the times of files are those of the machine.
    PostgreSQL and Elasticsearch keep the machine's clock, too, because no job reads the date from them; only put_into()
    changes the time in one database.
    """

    def __init__(self, file: Path, moment: datetime) -> None:
        self._file = file
        self._put_to(moment)

    def move_on_to(self, moment: datetime) -> None:
        """Move the clock forward to that moment; never back."""
        if moment > self.now():
            self._put_to(moment)

    def now(self) -> datetime:
        """The time of this clock, in UTC."""
        return datetime.now(UTC) + self._ahead

    def _put_to(self, moment: datetime) -> None:
        self._ahead = moment - datetime.now(UTC)
        write_private(self._file, f"{self._ahead.total_seconds():+.3f}\n")

    def environment(self) -> dict[str, str]:
        """Environment variables that give a process this clock."""
        _, preloaded = get_reload_information()
        return {
            **preloaded,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "0",
            "FAKETIME_CACHE_DURATION": "0",  # seconds after the one in which the file was read
        }

    def put_into(self, database: psycopg.Connection[Any]) -> None:
        """Let now() of that database return this clock, since Airflow asks its database which runs are due.

        The connection is a superuser's."""
        function = (
            "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER "
            "SET search_path = pg_catalog "
            "RETURN pg_catalog.now() + make_interval(secs => pg_read_file({})::double precision)"
        )
        database.execute(sql.SQL(function).format(str(self._file)))
        name = sql.Identifier(database.info.dbname)
        database.execute(sql.SQL("ALTER DATABASE {} SET search_path = public, pg_catalog").format(name))

    def assert_that_processes_use_it(self) -> None:
        """Fail if libfaketime does not work on this machine."""
        command = [sys.executable, "-c", "import time; print(time.time())"]
        asked = subprocess.run(
            command, env={**os.environ, **self.environment()}, capture_output=True, text=True, check=True
        )
        seen = datetime.fromtimestamp(float(asked.stdout), UTC)
        assert abs(seen - self.now()) < timedelta(seconds=10), f"libfaketime does not work here: {asked.stderr}"

    def clear_up(self) -> None:
        """Remove the shared memory that killed processes left behind."""
        for file in Path("/dev/shm").glob("*faketime_*"):  # noqa: S108, where glibc has it
            with contextlib.suppress(OSError):  # somebody else's
                if not psutil.pid_exists(int(file.name.rpartition("_")[2])):
                    file.unlink()
