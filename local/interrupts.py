"""Interrupts: Ctrl-C, a terminal that is closed, a signal from another process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_on_signals() -> None:
    """Let each of these signals raise KeyboardInterrupt, so that the command stops what it has started."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, signal.default_int_handler)


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore interrupts while the body stops what was started. It must end within seconds."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
