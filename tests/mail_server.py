"""A local mail server: takes every message over SMTP and keeps it."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """messages: in the order of their arrival. recipients: of each."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    def connection(self) -> str:
        """Value of AIRFLOW_CONN_SMTP_DEFAULT."""
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "sync@example.org", "timeout": 5}
        return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra})


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server on a free port of 127.0.0.1."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.answer("220 mail server of a test")
            while line := self.rfile.readline():
                command = line.decode().strip()
                if command.upper() == "DATA":
                    self.answer("354 end with a dot")
                    self.take()
                elif command.upper() == "QUIT":
                    self.answer("221 bye")
                    return
                elif command.upper().startswith("RCPT TO:"):
                    server.recipients.append(command[8:].strip(" <>"))
                self.answer("250 ok")

        def take(self) -> None:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            server.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))

        def answer(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        server = MailServer(listening.server_address[1])
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            listening.shutdown()
