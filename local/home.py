"""The folder of a local stack: its data, logs and secrets, and the list of its services."""

import base64
import fcntl
import json
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import StackError
from local.processes import Service

MARKER = ".sync-home"
MARKER_TEXT = "The local stack created this folder and keeps its data here. `make clean` deletes that data.\n"

# Everything that the stack creates here. `make clean` deletes these and nothing else.
KEPT = (
    *("postgres", "postgres.unfinished", "elasticsearch", "airflow-home", "logs"),
    *("secrets.json", "services.json", "stack.json", "airflow", "lock"),
)


@dataclass(frozen=True)
class Home:
    folder: Path

    def check_usable(self) -> None:
        """Raises StackError, with the reason, if the folder cannot be created or written. Leaves nothing behind.

        Only an attempt shows that: root may write everywhere, but not in /proc or on a read-only disk.
        """
        nearest = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        with self._errors_explained(), tempfile.TemporaryDirectory(prefix=".sync-", dir=nearest):
            pass

    def prepare(self) -> None:
        """Create the folder, private to its owner. Raises StackError if it is a folder of something else."""
        with self._errors_explained():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.is_ours():
                if any(self.folder.iterdir()):
                    raise StackError(f"{self.folder} holds other files. Choose another folder with SYNC_HOME.")
                (self.folder / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
            self.folder.chmod(0o700)

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StackError(
                f"{self.folder} (SYNC_HOME) cannot be used: {error.strerror}. Choose another folder with SYNC_HOME."
            ) from error

    def is_ours(self) -> bool:
        return (self.folder / MARKER).is_file()

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    @contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Only one command at a time changes the stack. waiting is called if another one holds the lock."""
        # The lock belongs to the open file: it ends with this process, even if that is killed.
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def secrets(self) -> dict[str, str]:
        """Passwords and keys by name, created at the first call."""
        path = self.folder / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps(new_secrets(), indent=2) + "\n")
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return kept

    def services(self) -> dict[str, Service]:
        """The services that were started and not stopped since, by name. They may have stopped by themselves."""
        return {name: service_from(entry) for name, entry in self._read("services.json").items()}

    def note_service(self, service: Service, name: str) -> None:
        """Call it before and after the start: if this command is killed in between, the key still finds the service."""
        self._write_services(self.services() | {name: service})

    def forget_service(self, name: str) -> None:
        services = self.services()
        services.pop(name, None)
        self._write_services(services)

    def stack(self) -> dict[str, str]:
        """How to reach the running stack: tcs_dsn, elasticsearch_url, airflow_url, user, password. Else empty."""
        return self._read("stack.json")

    def write_stack(self, stack: Mapping[str, str]) -> None:
        write_private(self.folder / "stack.json", json.dumps(stack, indent=2) + "\n")

    def remove_stack(self) -> None:
        (self.folder / "stack.json").unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete what the stack created. Raises StackError if the folder is not the stack's."""
        if not self.is_ours():
            raise StackError(f"{self.folder} was not created by the local stack: nothing is deleted.")
        for name in KEPT:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if [path.name for path in self.folder.iterdir()] == [MARKER]:
            shutil.rmtree(self.folder)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return content

    def _write_services(self, services: Mapping[str, Service]) -> None:
        entries = {name: entry_of(service) for name, service in services.items()}
        write_private(self.folder / "services.json", json.dumps(entries, indent=2) + "\n")


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file in one step. It is never readable by other users.

    The text may have a path in it that Python could not decode: with PYTHONUTF8=0 and LC_ALL=C, one that is not ASCII.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(text.encode(errors="surrogateescape"))
    unfinished.replace(path)


def new_secrets() -> dict[str, str]:
    """Passwords of the PostgreSQL roles and Airflow users, and the keys of Airflow."""
    passwords = ("postgres", "airflow", "tcs", "sync_jobs", "admin", "viewer")
    # PyJWT warns of keys that are shorter than 64 bytes. A Fernet key is 32 bytes in this encoding.
    return {
        **{name: secrets.token_urlsafe(24) for name in passwords},
        **{name: secrets.token_urlsafe(48) for name in ("api_secret_key", "jwt_secret")},
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def entry_of(service: Service) -> dict[str, Any]:
    return {
        **{"name": service.name, "log": str(service.log), "port": service.port, "key": service.key},
        **{"stop_signal": service.stop_signal.name, "pid": service.pid, "started": service.started},
    }


def service_from(entry: Mapping[str, Any]) -> Service:
    stop_signal = signal.Signals[entry["stop_signal"]]
    return Service(**{**entry, "log": Path(entry["log"]), "stop_signal": stop_signal})
