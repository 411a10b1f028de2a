"""Which port on 127.0.0.1 a service gets."""

import errno
import socket
from collections.abc import Collection

from local.errors import StackError

HOST = "127.0.0.1"
STEPS = 100


def is_free(port: int) -> bool:
    """Whether a server could listen on it now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        # As servers do: a port whose last connections are still being closed is free.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def any_free_port() -> int:
    """A port that nobody listens on, picked by the system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.bind((HOST, 0))
        port: int = candidate.getsockname()[1]
        return port


def choose_port(variable: str, asked: int | None, default: int, given: Collection[int] = ()) -> int:
    """The port asked for, else the default or the first free one above it.

    variable: the environment variable by which a port is asked for. given: ports that other services get.
    Raises StackError if the port asked for is taken, or if a hundred from the default on are.
    """
    if asked is not None:
        if asked in given or not is_free(asked):
            raise StackError(f"Port {asked} on {HOST} is taken, but {variable}={asked} asks for it: choose another.")
        return asked
    for port in range(default, default + STEPS):
        if port not in given and is_free(port):
            return port
    raise StackError(f"Ports {default} to {default + STEPS - 1} on {HOST} are all taken: choose one with {variable}.")
