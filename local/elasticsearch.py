"""An Elasticsearch 9 of the local stack, in a process of its own (local/elasticsearch_node.py)."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from local.ports import HOST
from local.processes import Service

NAME = "Elasticsearch"
START_SECONDS = 300  # the first start downloads 44 MB
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Elasticsearch:
    """Where the node is, or will be. home: folder of its data. heap: as Java writes it.

    quick: ready and warm sooner; not for millions of documents. settings: of the node, beside its own.
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
        """Whether all shards are available. This node has no root page to ask for."""
        try:
            health = httpx.get(f"{self.url}/_cluster/health", timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return health.status_code == 200 and health.json()["status"] in ("green", "yellow")


def environment() -> dict[str, str]:
    """This process's environment, without the settings of a Java on this machine."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "JDK", "_JAVA", "ES_"))}
    return ours | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
