"""The folder that keeps all of a local stack: data, logs, secrets, and what is known of the running services."""

import base64
import fcntl
import json
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import StackError
from local.processes import Service

MARKER = ".sync-home"
MARKER_TEXT = "The local stack has made this folder and keeps its data here. `make clean` deletes what it keeps.\n"

# All that the stack makes here: `make clean` deletes these and nothing else.
KEPT = (
    *("postgres", "postgres.unfinished", "elasticsearch", "airflow-home", "logs"),
    *("secrets.json", "services.json", "stack.json", "airflow", "lock"),
)


@dataclass(frozen=True)
class Home:
    folder: Path

    def prepare(self) -> None:
        """Make the folder, for its owner alone. Raises StackError if one is there that is not ours."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.is_ours():
                if any(self.folder.iterdir()):
                    raise StackError(f"{self.folder} has other things in it: choose another folder with SYNC_HOME.")
                (self.folder / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
            self.folder.chmod(0o700)
        except OSError as error:
            raise StackError(f"{self.folder} cannot be used (SYNC_HOME): {error.strerror}.") from error

    def is_ours(self) -> bool:
        return (self.folder / MARKER).is_file()

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    @contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """One command at a time changes the stack. waiting is called if another one is at it."""
        # The lock belongs to the open file, not to the path: it ends with this process, however that ends.
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def secrets(self) -> dict[str, str]:
        """Passwords and keys by name, made at the first call and kept since."""
        path = self.folder / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps(new_secrets(), indent=2) + "\n")
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return kept

    def services(self) -> dict[str, Service]:
        """What has been started and not been stopped since, by name, whether it runs or not."""
        return {name: service_from(entry) for name, entry in self._read("services.json").items()}

    def note_service(self, service: Service, name: str) -> None:
        """Noted before its start by its key, and after it by its pid: so that it is found whenever we are killed."""
        self._write_services(self.services() | {name: service})

    def forget_service(self, name: str) -> None:
        services = self.services()
        services.pop(name, None)
        self._write_services(services)

    def stack(self) -> dict[str, str]:
        """How to reach the running stack: tcs_dsn, elasticsearch_url, airflow_url, user, password; empty if none."""
        return self._read("stack.json")

    def write_stack(self, stack: Mapping[str, str]) -> None:
        write_private(self.folder / "stack.json", json.dumps(stack, indent=2) + "\n")

    def remove_stack(self) -> None:
        (self.folder / "stack.json").unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete what the stack keeps, and the folder if nothing else is in it. Raises StackError if it is not ours."""
        if not self.is_ours():
            raise StackError(f"{self.folder} was not made by the local stack: nothing is deleted.")
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
    """Written whole or not at all, and never readable by anyone else."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)


def new_secrets() -> dict[str, str]:
    """Passwords of PostgreSQL's roles and Airflow's users, and Airflow's keys."""
    names = ("postgres", "airflow", "tcs", "sync_jobs", "admin", "viewer", "api_secret_key", "jwt_secret")
    # Fernet wants 32 bytes in this very form.
    return {name: secrets.token_urlsafe(24) for name in names} | {
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    }


def entry_of(service: Service) -> dict[str, Any]:
    return {
        **{"name": service.name, "log": str(service.log), "port": service.port, "key": service.key},
        **{"stop_signal": service.stop_signal.name, "pid": service.pid, "started": service.started},
    }


def service_from(entry: Mapping[str, Any]) -> Service:
    stop_signal = signal.Signals[entry["stop_signal"]]
    return Service(**{**entry, "log": Path(entry["log"]), "stop_signal": stop_signal})
