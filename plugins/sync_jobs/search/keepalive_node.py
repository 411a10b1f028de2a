"""The HTTP connections of the client, with TCP keepalives, and with the address of the node in their errors.

A connection is idle while PostgreSQL or the other connections work. A firewall on the way would drop it silently, and
the next request in it would wait for its whole timeout and fail.
"""

import socket
from typing import Any

from elastic_transport import NodeConfig, TransportError, Urllib3HttpNode
from urllib3.connection import HTTPConnection

# A dead connection is noticed within two minutes, like one of PostgreSQL (sync_jobs.postgres.connection).
SOCKET_OPTIONS = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6),
]


class KeepaliveNode(Urllib3HttpNode):
    """For the argument node_class of the client."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self.pool.conn_kw["socket_options"] = SOCKET_OPTIONS

    def perform_request(self, *args: Any, **kwargs: Any) -> Any:
        """Add the address, without user and password, as a note to an error: the client's own text may lack it."""
        try:
            return super().perform_request(*args, **kwargs)
        except TransportError as error:
            error.add_note(self.base_url)
            raise
