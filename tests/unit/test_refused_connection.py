"""PostgreSQL refuses a connection: its SQLSTATE says whether a retry would help, in whichever language its text is."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from local.ports import HOST, any_free_port
from sync_jobs.errors import AccessRefused, SyncJobError, TransientError
from sync_jobs.postgres import refused_connection
from sync_jobs.postgres.refused_connection import connection_refused

# What a client sends first if it prefers TLS or GSSAPI, and the answer that the server has neither.
ENCRYPTION_REQUESTS = (80_877_103, 80_877_104)
NO_ENCRYPTION = b"N"


@contextmanager
def server_that_refuses(state: str, text: str, *, silent_after: int = 1_000) -> Iterator[str]:
    """The DSN of a server that refuses every login, and does not answer at all after that number of them."""

    def serve() -> None:
        with suppress(OSError):
            for number in range(1_000):
                client, _ = listener.accept()
                clients.append(client)
                if number < silent_after:
                    refuse(client)

    def refuse(client: socket.socket) -> None:
        while first_number(client) in ENCRYPTION_REQUESTS:
            client.sendall(NO_ENCRYPTION)
        fields = "".join(f"{field}\0" for field in ("SFATAL", "VFATAL", f"C{state}", f"M{text}", ""))
        client.sendall(b"E" + struct.pack("!i", len(fields.encode()) + 4) + fields.encode())
        client.close()

    def first_number(client: socket.socket) -> int:
        message = client.recv(struct.unpack("!i", client.recv(4))[0] - 4)
        return int(struct.unpack("!i", message[:4])[0])

    clients: list[socket.socket] = []
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"host={HOST} port={listener.getsockname()[1]} user=jobs password=hidden dbname=tcs sslmode=disable"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    for client in clients:
        client.close()


def refused(dsn: str) -> SyncJobError:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(dsn)
    return connection_refused(caught.value)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("28P01", "Passwort-Authentifizierung für Benutzer »jobs« fehlgeschlagen"),
        ("28000", "LDAP-Authentifizierung für Benutzer »jobs« fehlgeschlagen"),
        ("28000", 'pg_hba.conf rejects connection for host "10.0.0.7", user "jobs", database "tcs", no encryption'),
        ("3D000", "la base de données « tcs » n'existe pas"),
        ("42501", "keine Berechtigung für Datenbank tcs"),
        ("42704", 'unrecognized configuration parameter "nonsense"'),
        ("22023", 'parameter "jit" requires a Boolean value'),
        ("55P02", 'parameter "shared_buffers" cannot be changed without restarting the server'),
        ("08P01", "SASL authentication failed"),
        ("08P01", "no such database: tcs"),
        ("08P01", "no such user: jobs"),
        ("08P01", "SSL required"),
        ("08P01", 'database "tcs" does not exist'),
        ("08P01", 'permission denied for database "tcs"'),
    ],
)
def test_a_refusal_that_lasts_is_not_retried(state: str, text: str) -> None:
    with server_that_refuses(state, text) as dsn:
        error = refused(dsn)
    assert type(error) is AccessRefused
    assert f"{text}. Correct the connection" in str(error)
    assert "hidden" not in str(error)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("53300", "tut mir leid, schon zu viele Verbindungen"),
        ("57P03", "das Datenbanksystem startet"),
        ("57P01", "Verbindung wird abgebrochen aufgrund von Anweisung des Administrators"),
        ("55000", 'database "tcs" is not currently accepting connections'),
        ("08P01", "no more connections allowed (max_client_conn)"),
        ("08P01", "server login has been failing, try again later"),
    ],
)
def test_a_refusal_that_passes_is_retried(state: str, text: str) -> None:
    with server_that_refuses(state, text) as dsn:
        error = refused(dsn)
    assert type(error) is TransientError
    assert f"{text}. Make sure that it is running" in str(error)


def test_a_server_that_stops_answering_is_retried_after_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_connection, "AGAIN_SECONDS", 0.2)
    with server_that_refuses("28P01", "Passwort falsch", silent_after=1) as dsn:
        assert type(refused(dsn)) is TransientError


def test_a_parameter_that_this_machine_cannot_serve_is_not_retried() -> None:
    assert type(refused(f"host={HOST} port={any_free_port()} gssencmode=require")) is AccessRefused


def test_a_server_that_is_down_is_retried() -> None:
    assert type(refused(f"host={HOST} port={any_free_port()}")) is TransientError
