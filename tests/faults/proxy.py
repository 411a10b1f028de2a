"""A proxy in front of Elasticsearch that loses requests or answers, or refuses requests, as a test demands."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import httpx

from local.ports import HOST

# What is lost: the whole request or answer, or all of the answer's body except its first bytes.
What = Literal["request", "answer", "rest"]
FIRST_BYTES = 5
# How an answer of a search or a refresh, with status 200, says that it is incomplete.
Incomplete = Literal["timed out", "shard failed", "shard missing"]


@dataclass
class Proxy:
    """A proxy whose behaviour a test sets.

    lose: text in the path of a request -> what is lost of such requests, and how many times. refuse: text in the path
    -> status and error of the answer, and how many times; a text in place of the error is a web page of the proxy.
    names_elasticsearch: whether answers have the header X-Elastic-Product. incomplete: how the answers at these
    positions, counted from 0 among all searches and refreshes, are made incomplete. reads: the paths of these requests
    so far.
    """

    url: str = ""
    incomplete: dict[int, Incomplete] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    refuse: dict[str, tuple[int, dict[str, Any] | str, int]] = field(default_factory=dict)
    lose: dict[str, tuple[What, int]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    names_elasticsearch: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def loses(self, path: str) -> What | None:
        with self.lock:
            for text, (what, times) in self.lose.items():
                if text in path and times:
                    self.lose[text] = (what, times - 1)
                    self.lost.append(path)
                    return what
        return None

    def made_incomplete(self, path: str, content: bytes) -> bytes:
        """The content of an answer, changed if a test demands it."""
        if not any(each in path for each in ("/_search", "/_refresh", "/_count")):
            return content
        with self.lock:
            how = self.incomplete.get(len(self.reads))
            self.reads.append(path)
        answer = json.loads(content)
        if how == "timed out":
            answer["timed_out"] = True
        elif how:
            answer["_shards"]["successful"] -= 1
            answer["_shards"]["failed"] = int(how == "shard failed")
        return json.dumps(answer).encode() if how else content

    def refuses(self, path: str) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and content of the answer to a request that is refused; None if it is not."""
        with self.lock:
            for text, (status, error, times) in self.refuse.items():
                if text in path and times:
                    self.refuse[text] = (status, error, times - 1)
                    return status, *self.refusal(status, error)
        return None

    def refusal(self, status: int, error: dict[str, Any] | str) -> tuple[dict[str, str], bytes]:
        if isinstance(error, str):
            return {"Content-Type": "text/html"}, error.encode()
        names_itself = {"X-Elastic-Product": "Elasticsearch"} if self.names_elasticsearch else {}
        content = json.dumps({"error": error, "status": status}).encode()
        return names_itself | {"Content-Type": "application/json"}, content


@contextmanager
def proxy_before(target: str, https: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy in front of the server at that URL. https: the context with its certificate; None for http."""
    proxy = Proxy()
    forward = httpx.Client(base_url=target, trust_env=False, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # without it, each answer waits 40 ms for the acknowledgement of its headers

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            lost = proxy.loses(self.path)
            if lost == "request":
                self.close_connection = True
                return
            refused = proxy.refuses(self.path)
            if refused:
                self.answer(*refused)
                return
            wanted = {name: self.headers[name] for name in ("Content-Type", "Accept") if name in self.headers}
            answer = forward.request(self.command, self.path, content=body, headers=wanted)
            if lost == "answer":
                self.close_connection = True
                return
            kept = ("Content-Type", "X-Elastic-Product") if proxy.names_elasticsearch else ("Content-Type",)
            headers = {name: answer.headers[name] for name in kept if name in answer.headers}
            content = answer.content
            if self.command != "DELETE":  # of a scroll
                content = proxy.made_incomplete(self.path, content)
            if lost == "rest":
                content = content[:FIRST_BYTES]
            self.answer(answer.status_code, headers, content)

        def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            content = b"" if self.command == "HEAD" else content
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_request

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    if https:
        server.socket = https.wrap_socket(server.socket, server_side=True)
    proxy.url = f"{'https' if https else 'http'}://{HOST}:{server.server_port}"
    # How often, in seconds, it checks whether it has to stop.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        forward.close()
        thread.join()
