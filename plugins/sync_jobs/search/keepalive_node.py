"""The HTTP connections of the client, with TCP keepalives, and with the address of the node in their errors.

They take only answers of Elasticsearch. The client itself checks the first answer alone: later, the page of a proxy
would pass for an answer without results.

A connection is idle while PostgreSQL or the other connections work. A firewall on the way would drop it silently, and
the next request in it would wait for its whole timeout and fail.
"""

import socket
from typing import Any

from elastic_transport import NodeConfig, TransportError, Urllib3HttpNode
from elasticsearch import UnsupportedProductError
from urllib3.connection import HTTPConnection

from sync_jobs.search.errors import names_itself

# A dead connection is noticed within two minutes, like one of PostgreSQL (sync_jobs.postgres.connection).
SOCKET_OPTIONS = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6),
]

SUCCESS = range(200, 300)


class KeepaliveNode(Urllib3HttpNode):
    """For the argument node_class of the client."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self.pool.conn_kw["socket_options"] = SOCKET_OPTIONS

    def perform_request(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request. Raises UnsupportedProductError if a successful answer is not one of Elasticsearch.

        Adds the address, without user and password, as a note to other errors: the client's own text may lack it.
        """
        try:
            answer = super().perform_request(*args, **kwargs)
        except TransportError as error:
            error.add_note(self.base_url)
            raise
        if answer.meta.status in SUCCESS and not names_itself(answer.meta):
            raise UnsupportedProductError("another server", meta=answer.meta, body=None)
        return answer
