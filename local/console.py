"""What a person sees: one line for each step, with the seconds that it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

TEXT_WIDTH = 62


class Steps:
    """Prints to a terminal with a moving sign of life, elsewhere plain lines."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()

    @contextmanager
    def step(self, doing: str) -> Iterator[list[str]]:
        """A step and its time. What the body appends to the list is printed instead of what was being done."""
        began = time.monotonic()
        done: list[str] = []
        if self.console.is_terminal:
            with self.console.status(escape(doing)):
                yield done
        else:
            yield done
        self._line(" ".join(done) or doing, time.monotonic() - began)

    def total(self, text: str) -> None:
        self._line(text, time.monotonic() - self.began)

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _line(self, text: str, seconds: float) -> None:
        self.say(f"{text:<{TEXT_WIDTH}} {seconds:6.1f} s")
