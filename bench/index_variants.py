"""One way of filling an index of persons, in a separate process, so that its memory can be measured.

    python -m bench.index_variants VARIANT JSON

JSON: dsn, url (of Elasticsearch), index, run_date, bodies (a file of prepared request bodies).
Prints the measurements as JSON; the CPU time excludes the start of Python.
"""

import http.client
import json
import queue
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
from elasticsearch import Elasticsearch, helpers

from sync_jobs.catalogue import find_job
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.postgres.sql_files import read_sql
from sync_jobs.postgres.statements import execute
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.runner import run_job
from sync_jobs.search import index_alias
from sync_jobs.search.document_stream import document_lines
from sync_jobs.search.documents import source_of
from sync_jobs.search.settings import IndexSettings

SETTINGS = IndexSettings()
REPLAY_SENDERS = 2
PAGE_PERSONS = 5_000
KILOBYTE = 1024

Measured = dict[str, Any]


class Variant:
    """The ways to fill an index. All create a new index without refresh and make it searchable at the end."""

    def __init__(self, dsn: str, url: str, index: str, run_date: str, bodies: str) -> None:
        self.dsn, self.url, self.index, self.bodies = dsn, url, index, Path(bodies)
        self.run_date = date.fromisoformat(run_date)
        self.client = Elasticsearch(url, request_timeout=120)

    def filled_by(self, fill: Callable[[], None]) -> Measured:
        index_alias.create(self.client, self.index, PERSONS.mapping, {}, SETTINGS)
        started = time.monotonic()
        fill()
        index_alias.make_searchable(self.client, self.index, SETTINGS)
        return {"seconds": time.monotonic() - started}

    def build(self) -> Measured:
        """The job, from the start of the query to the last refresh; its other phases are reported separately."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            server = psutil.Process(connection.info.backend_pid)
            report = run_job(
                find_job("PersonElasticSearchSyncJob"),
                postgres=connection,
                elasticsearch=self.client,
                run_date=self.run_date,
                settings=SETTINGS,
            )
            return {
                "seconds": report.phases["load"] + report.phases["refresh"],
                "phases": report.phases,
                "postgres_cpu": sum(server.cpu_times()[:2]),
            }

    def replay(self) -> Measured:
        """Prepared bodies from a file over two raw connections: as fast as Elasticsearch can index them."""
        return self.filled_by(lambda: replay(self.url, self.index, self.bodies))

    def streaming_bulk(self) -> Measured:
        return self.filled_by(lambda: drain(helpers.streaming_bulk(self.client, self._actions())))

    def parallel_bulk(self) -> Measured:
        return self.filled_by(lambda: drain(helpers.parallel_bulk(self.client, self._actions(), thread_count=3)))

    def paging(self) -> Measured:
        """Page by page with OFFSET, one bulk request per page, as the running service does."""
        return self.filled_by(self._page_after_page)

    def _actions(self) -> Iterator[dict[str, Any]]:
        with psycopg.connect(self.dsn) as connection, snapshot(connection):
            execute(connection, "session/planner_in_key_order", {"parallel_workers": SETTINGS.parallel_workers})
            yield from (self._action(line) for line in self._lines(connection, None))

    def _page_after_page(self) -> None:
        page = (
            read_sql("indices/persons/sample_keys").split("ORDER BY")[0]
            + "ORDER BY person.id LIMIT %(size)s OFFSET %(offset)s"
        )
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for offset in range(0, sys.maxsize, PAGE_PERSONS):
                ids = [row[0] for row in connection.execute(page, {"size": PAGE_PERSONS, "offset": offset})]
                if not ids:
                    return
                helpers.bulk(self.client, map(self._action, self._lines(connection, ids)))

    def _lines(self, connection: psycopg.Connection[Any], person_ids: list[int] | None) -> Iterator[bytes]:
        return document_lines(PERSONS, connection, self.run_date, person_ids)

    def _action(self, line: bytes) -> dict[str, Any]:
        return {"_index": self.index, "_source": source_of(line)}


def drain(results: Iterable[Any]) -> None:
    for _ in results:
        pass


def replay(url: str, index: str, bodies: Path) -> None:
    waiting: queue.Queue[bytes | None] = queue.Queue(REPLAY_SENDERS)

    def send() -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        while (body := waiting.get()) is not None:
            headers = {"Content-Type": "application/x-ndjson"}
            connection.request("POST", f"/{index}/_bulk?filter_path=errors", body, headers)
            answer = json.loads(connection.getresponse().read())
            if answer["errors"]:
                raise RuntimeError("Elasticsearch refused a prepared body")

    senders = [threading.Thread(target=send) for _ in range(REPLAY_SENDERS)]
    for sender in senders:
        sender.start()
    with bodies.open("rb") as file:
        while size := file.read(8):
            waiting.put(file.read(int.from_bytes(size, "big")))
    for _ in senders:
        waiting.put(None)
    for sender in senders:
        sender.join()


def write_bodies(dsn: str, run_date: date, path: Path) -> int:
    """Write prepared bodies to a file, each after its length (8 bytes). Return their total size in bytes."""
    total = 0
    batch: list[bytes] = []
    with psycopg.connect(dsn) as connection, snapshot(connection), path.open("wb") as file:
        execute(connection, "session/planner_in_key_order", {"parallel_workers": SETTINGS.parallel_workers})

        def flush() -> None:
            body = b"".join(batch)
            file.write(len(body).to_bytes(8, "big") + body)
            batch.clear()

        size = 0
        for line in document_lines(PERSONS, connection, run_date):
            if size + len(line) > SETTINGS.body_bytes:
                flush()
                size = 0
            batch.append(line)
            size += len(line)
            total += len(line)
        flush()
    return total


def main() -> None:
    name, given = sys.argv[1], json.loads(sys.argv[2])
    variant = Variant(**given)
    started = time.process_time()
    measured = getattr(variant, name)()
    cpu = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE
    print(json.dumps({"python_cpu": cpu, "memory": memory} | measured))


if __name__ == "__main__":
    main()
