"""An Elasticsearch 9 of the local stack, in a process of its own (local/elasticsearch_node.py)."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from local.http_client import CLIENT
from local.ports import HOST
from local.processes import NotReady, Service

NAME = "Elasticsearch"
START_SECONDS = 300  # the first start downloads 44 MB
ROOT = Path(__file__).resolve().parents[1]

# Environment variables of the user that begin like this have no effect.
OTHER_SETTINGS = ("JAVA", "JDK", "_JAVA", "ES_", "PYTHON")

# A node with more data than this is tuned for large indexes. The bytes are those of two indexes, live and previous.
QUICK_PERSONS = 50_000
QUICK_BYTES = 60_000_000


@dataclass(frozen=True)
class Elasticsearch:
    """A node, running or not. home: folder of its data. heap: as Java writes it. settings: more settings of the node.

    quick: for a quick start; without it, builds of large indexes are faster.
    """

    home: Path
    log: Path
    port: int
    heap: str = "1g"
    quick: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def tuned(self, persons: int) -> "Elasticsearch":
        """This node, tuned for the data that it holds and for an index of so many persons."""
        return replace(self, quick=persons <= QUICK_PERSONS and _size(self.home) <= QUICK_BYTES)

    def service(self) -> Service:
        """Not started yet."""
        return Service(NAME, self.log, self.port)

    def start(self, service: Service) -> Service:
        """Start the node; it answers some seconds later (wait_until_ready)."""
        self.home.mkdir(parents=True, exist_ok=True)
        arguments = ["--home", str(self.home), "--port", str(self.port), "--heap", self.heap]
        arguments += ["--quick"] if self.quick else []
        arguments += [f"--set={name}={value}" for name, value in self.settings.items()]
        return service.start([sys.executable, "-m", "local.elasticsearch_node", *arguments], environment(), ROOT)

    def wait_until_ready(self, service: Service) -> None:
        service.wait_until(self._answers, START_SECONDS)

    def _answers(self) -> bool:
        """Whether all shards are available. The root page of a server does not exist on this node.

        Raises NotReady with the reason if it does not answer.
        """
        try:
            health = CLIENT.get(f"{self.url}/_cluster/health", timeout=5)
        except httpx.TransportError as error:
            raise NotReady(str(error)) from None
        if health.status_code != 200:
            raise NotReady(f"it answers {health.status_code}")
        return health.json()["status"] in ("green", "yellow")


def _size(folder: Path) -> int:
    """Bytes of all files in a folder that no node is using; 0 if it does not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def environment() -> dict[str, str]:
    """This process's environment, without the user's settings of Java and Python, and with UTF-8 in all paths.

    Proxies stay: it downloads its jars. It sends no request to this machine.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith(OTHER_SETTINGS)}
    return ours | {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
