"""Many visitors of the page while recovery runs: does it hurt Airflow?

    make up; python -m bench.page_pollers [--pollers 50] [--seconds 60] [--pause 1] [--rounds 3]

On the running local stack (SYNC_HOME). In each round recovery runs once alone and once with the pollers, because other
work on the machine disturbs both alike. Half of the pollers ask for the page, as its script does, and half for
api/night. Each waits for the answer, and asks again after the pause. Beside them one asks Airflow's own health once a
second.
"""

import argparse
import asyncio
import json
import os
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median, quantiles

import httpx

from local.airflow_api import AirflowApi
from local.settings import read_home

REQUEST_SECONDS = 90
RECOVERY = "recovery"
PAGE, INTERFACE, HEALTH = "/sync/", "/sync/api/night", "/api/v2/monitor/health"


@dataclass
class Answers:
    """Seconds of all answers, and how many had which status; status 0 is no answer."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, status: int, seconds: float) -> None:
        self.seconds.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def line(self, name: str) -> str:
        if len(self.seconds) < 2:
            return f"{name}: {self.statuses}"
        cuts = quantiles(self.seconds, n=100)
        return (
            f"{name}: {len(self.seconds):,} requests, p50 {cuts[49]:.3f} s, p95 {cuts[94]:.3f} s, "
            f"longest {max(self.seconds):.3f} s, statuses {dict(sorted(self.statuses.items()))}"
        )


async def ask(client: httpx.AsyncClient, path: str, answers: Answers, until: float, pause: float) -> None:
    """Ask again and again, with the ETag of the last answer if it has one."""
    await asyncio.sleep(random.uniform(0, pause))
    headers: dict[str, str] = {}
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            answer = await client.get(path, headers=headers)
            status = answer.status_code
            headers = {"If-None-Match": answer.headers["etag"]} if "etag" in answer.headers else headers
        except httpx.HTTPError:
            status = 0
        answers.add(status, time.monotonic() - began)
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))


async def poll(url: str, token: str, arguments: argparse.Namespace, answers: dict[str, Answers]) -> None:
    """Collect the answers to the pollers and those of Airflow's health, by path."""
    pollers, pause, until = arguments.pollers, arguments.pause, time.monotonic() + arguments.seconds
    limits = httpx.Limits(max_connections=pollers + 1)
    async with httpx.AsyncClient(
        base_url=url, cookies={"_token": token}, limits=limits, timeout=REQUEST_SECONDS, trust_env=False
    ) as client:
        paths = [(PAGE, INTERFACE)[number % 2] for number in range(pollers)]
        tasks = [ask(client, path, answers[path], until, pause) for path in paths]
        await asyncio.gather(*tasks, ask(client, HEALTH, answers[HEALTH], until, 1))


def recovery_seconds(api: AirflowApi, run_id: str) -> float:
    """Wait for the end of a run of recovery. Raises RuntimeError unless it succeeds."""
    while True:
        run = api.run(RECOVERY, run_id)
        if run["state"] in ("success", "failed"):
            break
        time.sleep(1)
    if run["state"] != "success":
        raise RuntimeError(f"{run_id} failed")
    return (datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.page_pollers", description=__doc__)
    parser.add_argument("--pollers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=1, help="seconds between an answer and the next request")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    stack = json.loads((read_home(os.environ) / "stack.json").read_text(encoding="utf-8"))
    login = {"username": stack["user"], "password": stack["password"]}
    token = httpx.post(f"{stack['airflow_url']}/auth/token", json=login, trust_env=False).json()["access_token"]
    answers = {path: Answers() for path in (PAGE, INTERFACE, HEALTH)}
    alone: list[float] = []
    beside: list[float] = []
    with AirflowApi(stack["airflow_url"], stack["user"], stack["password"]) as api:
        recovery_seconds(api, start(api))  # the first one fills the tables
        for _ in range(arguments.rounds):
            alone.append(recovery_seconds(api, start(api)))
            run_id = start(api)
            asyncio.run(poll(stack["airflow_url"], token, arguments, answers))
            beside.append(recovery_seconds(api, run_id))
    print(f"{arguments.pollers} pollers")
    for path, found in answers.items():
        print(found.line(path))
    for name, seconds in (("alone", alone), ("beside the pollers", beside)):
        print(f"recovery {name}: median {median(seconds):.1f} s of {', '.join(f'{each:.1f}' for each in seconds)}")
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


def start(api: AirflowApi) -> str:
    """Start recovery, and return the id of its run."""
    run_id: str = api.start_run(RECOVERY, {})["dag_run_id"]
    return run_id


if __name__ == "__main__":
    main()
