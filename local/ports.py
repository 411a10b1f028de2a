"""The ports of the services, on 127.0.0.1."""

import socket
from collections.abc import Collection

from local.errors import StackError

HOST = "127.0.0.1"
PORTS_TRIED = 100


def is_free(port: int) -> bool:
    """Whether a server could listen on it now."""
    try:
        # As servers do, it reuses a port whose last connections are still being closed.
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def any_free_port() -> int:
    """A free port, chosen by the system."""
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def choose_port(variable: str, requested: int | None, default: int, given: Collection[int] = ()) -> int:
    """The requested port, else the default or the first free port above it.

    variable: the environment variable that requests a port. given: the ports of the other services.
    Raises StackError if the requested port is taken, or if a hundred ports from the default on are.
    """
    if requested is not None:
        if requested in given or not is_free(requested):
            raise StackError(f"Port {requested} on {HOST} is taken. Choose another one with {variable}.")
        return requested
    for port in range(default, default + PORTS_TRIED):
        if port not in given and is_free(port):
            return port
    last = default + PORTS_TRIED - 1
    raise StackError(f"Ports {default} to {last} on {HOST} are all taken. Choose one with {variable}.")
