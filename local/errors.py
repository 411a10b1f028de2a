"""The errors of the local stack, with texts for the person who started it."""

import re
from collections import deque
from pathlib import Path

LOG_LINES_SHOWN = 15

# A password in a statement of SQL or in a URL.
SECRET = re.compile(r"(?<=PASSWORD ')[^']*|(?<=://)[^/\s@:]*:[^/\s@]*(?=@)", re.IGNORECASE)


class StackError(Exception):
    """The local stack cannot do what was asked. The text says what is wrong and what to do."""


class ServiceFailed(StackError):
    """A service failed. The text says which one and why, with the path and the last lines of its log."""

    def __init__(self, service: str, reason: str, log: Path) -> None:
        lines = last_lines(log)
        end = "\n".join(["Its last lines:", *(f"  | {line}" for line in lines)]) if lines else "Its log is empty."
        super().__init__(without_secrets(f"{service} {reason.rstrip('.')}.\n{end}\nIts log: {log}"))


def without_secrets(text: str) -> str:
    """The text with *** in place of each password."""
    return SECRET.sub("***", text)


def last_lines(log: Path, count: int = LOG_LINES_SHOWN) -> list[str]:
    """The last lines of a log, without blank lines; none if there is no such file."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return list(deque((line.rstrip("\n") for line in file if line.strip()), count))
    except FileNotFoundError:
        return []
