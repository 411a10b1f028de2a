"""The collector and Prometheus of deploy/monitoring, as processes of a test."""

import os
import shutil
from pathlib import Path
from typing import Any

import httpx
import yaml

from local.ports import HOST, any_free_port
from local.processes import Service
from tests.deployment.compose_file import environment_of

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy" / "monitoring"

# The program of the collector: built by tests/monitoring/build_collector.sh.
COLLECTOR = shutil.which(os.environ.get("SYNC_OTELCOL", "otelcol"))
PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")

CLIENT = httpx.Client(trust_env=False, timeout=10)


class Collector:
    """An OpenTelemetry collector with the file of the deployment, on ports of its own.

    jaeger: the address to which it passes spans on.
    """

    def __init__(self, folder: Path, jaeger: str) -> None:
        self.otlp, self.prometheus = any_free_port(), any_free_port()
        self._folder = folder
        ports = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{HOST}:{self.otlp}"}}}},
            "exporters": {
                "prometheus": {"endpoint": f"{HOST}:{self.prometheus}"},
                "otlp_http/jaeger": {"endpoint": jaeger},
            },
            "service": {"telemetry": {"metrics": {"level": "none"}}},
        }
        (folder / "ports.yaml").write_text(yaml.safe_dump(ports), encoding="utf-8")

    def start(self) -> Service:
        files = (MONITORING / "otel-collector.yaml", self._folder / "ports.yaml")
        command = [str(COLLECTOR), *(f"--config=file:{file}" for file in files)]
        service = Service("the collector", self._folder / "collector.log", self.otlp)
        service = service.start(command, dict(os.environ), self._folder)
        service.wait_until(lambda: _answers(f"http://{HOST}:{self.prometheus}/metrics"), 30)
        return service

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that sends its metrics and spans here, as docker-compose.yaml sets it."""
        variables = {"OTEL_ON": "True", "OTEL_ENDPOINT": f"http://{HOST}:{self.otlp}"}
        prefixes = ("OTEL_", "AIRFLOW__METRICS__", "AIRFLOW__TRACES__")
        everything = environment_of("airflow-scheduler", variables, {})
        return {name: value for name, value in everything.items() if name.startswith(prefixes)}


class Prometheus:
    """A Prometheus with the files of the deployment that asks this target every second."""

    def __init__(self, folder: Path, target: str) -> None:
        self.url = f"http://{HOST}:{any_free_port()}"
        self._folder = folder
        config = yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(MONITORING / file) for file in config["rule_files"]]
        (scrape,) = config["scrape_configs"]
        scrape["static_configs"] = [{"targets": [target]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def start(self) -> Service:
        service = Service("Prometheus", self._folder / "prometheus.log")
        command = [
            str(PROMETHEUS),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        service = service.start(command, dict(os.environ), self._folder)
        service.wait_until(lambda: _answers(f"{self.url}/-/ready"), 30)
        return service

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query: each with its metric (labels) and value (time, number as text)."""
        answer = CLIENT.get(f"{self.url}/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        series: list[dict[str, Any]] = answer["data"]["result"]
        return series

    def alerts(self) -> dict[str, str]:
        """The states of all alert rules by name. Fails if a rule cannot be evaluated."""
        groups = CLIENT.get(f"{self.url}/api/v1/rules").raise_for_status().json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
        return {rule["name"]: rule["state"] for rule in rules}


def _answers(url: str) -> bool:
    try:
        return CLIENT.get(url).is_success
    except httpx.TransportError:
        return False
