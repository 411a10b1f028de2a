"""What the commands print: one line for each step, with the seconds that it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

TEXT_WIDTH = 62


class Steps:
    """Shows a spinner on a terminal, and plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()

    @contextmanager
    def step(self, doing: str) -> Iterator[list[str]]:
        """A step and its time. If the body appends a text to the list, that is printed instead of `doing`."""
        began = time.monotonic()
        done: list[str] = []
        if self.console.is_terminal:
            with self.console.status(escape(doing)):
                yield done
        else:
            yield done
        self._line(" ".join(done) or doing, time.monotonic() - began)

    def total(self, text: str) -> None:
        """A line with the time since the command began."""
        self._line(text, self.seconds())

    def seconds(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _line(self, text: str, seconds: float) -> None:
        self.say(f"{text:<{TEXT_WIDTH}} {seconds:6.1f} s")
