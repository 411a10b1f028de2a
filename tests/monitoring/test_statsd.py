"""Metrics of a real process over StatsD, as a StatsD server gets them."""

import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

from sync_airflow.monitoring.metrics import ATTEMPTS, METRICS, RESULTS
from sync_jobs.catalogue import JOBS
from tests.monitoring.prometheus import ROOT


def lines_of(process: str, folder: Path, port: socket.socket) -> list[str]:
    """What a process sends that emits what the attempts of all jobs with this result do."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {
        "AIRFLOW_HOME": str(folder),
        "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(port.getsockname()[1]),
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
    }
    command = [sys.executable, "-m", "tests.monitoring.emitter", process]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)
    lines = []
    while True:
        try:
            lines.append(port.recv(2000).decode())
        except BlockingIOError:
            return lines


def test_a_process_sends_every_metric_with_its_labels_over_statsd(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        port.bind(("127.0.0.1", 0))
        port.setblocking(False)
        lines = lines_of("success", tmp_path, port)
    sent: dict[str, set[tuple[str, ...]]] = {}
    for line in lines:
        name, *labels = line.partition(":")[0].split(",")
        sent.setdefault(name, set()).add(tuple(label.partition("=")[0] for label in labels))
    for metric in METRICS:
        assert sent[f"airflow.{metric.name}"] == {metric.labels}
    attempts = Counter(line for line in lines if line.startswith(f"airflow.{ATTEMPTS.name}"))
    for job in JOBS:
        start = f"airflow.{ATTEMPTS.name},job_name={job.name},result="
        expected = {f"{start}{result}:0|c": 1 for result in RESULTS} | {f"{start}success:1|c": 1}
        assert {line: number for line, number in attempts.items() if line.startswith(start)} == expected
