"""A local server in place of Slack's API."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SlackServer:
    """Keeps every message. answer: its answer to each message; it does not answer while hanging is set."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/"
        self.messages: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.answer: dict[str, Any] = {"ok": True}
        self.hanging = False
        self.over = threading.Event()

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]

    def connection(self, **extra: Any) -> str:
        """An Airflow connection to it, as JSON for the environment."""
        extra = {"channel": "#tis-sync", "base_url": self.url} | extra
        return json.dumps({"conn_type": "slack", "password": "xoxb-of-a-test", "extra": extra})


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if slack.hanging:
                slack.over.wait()
                return
            slack.tokens.add(self.headers["Authorization"])
            slack.messages.append({"path": self.path} | json.loads(body))
            content = json.dumps(slack.answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        slack = SlackServer(server.server_port)
        # How often, in seconds, it checks whether it has to stop.
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield slack
        finally:
            slack.over.set()
            server.shutdown()
            thread.join()
