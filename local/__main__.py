"""The local stack.

    run     everything: the stack, then recovery for today, with its progress and a table of what each job did
    up      start the stack, or what of it does not run
    down    end it; the data stays
    clean   end it and delete its data
    status  say what runs

Environment: SYNC_HOME, SYNC_POSTGRES_PORT, SYNC_ELASTICSEARCH_PORT, SYNC_AIRFLOW_PORT, SYNC_DEMO_PERSONS,
SYNC_ELASTICSEARCH_HEAP, SYNC_RECOVERY_WINDOW (docs/reference/local-stack.md, "Environment variables").
"""

import argparse
import os
import sys
from datetime import UTC, datetime

import httpx
from rich.console import Console

from local.airflow_api import AirflowApi
from local.console import Steps
from local.errors import ServiceFailed, StackError
from local.home import Home
from local.interrupts import held_back, interrupt_on_signals
from local.recovery_run import end, follow, results, start_or_join
from local.recovery_view import Progress, failure_lines, print_results
from local.settings import Settings, read_settings
from local.stack import SERVICES, Stack

ALIAS = "persons"
SCHEDULER = "scheduler"
INTERRUPTED = 130


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="local", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = {"run": run, "up": up, "down": down, "clean": clean, "status": status}
    parser.add_argument("command", choices=commands)
    command = commands[parser.parse_args().command]
    interrupt_on_signals()
    console = Console()
    try:
        settings = read_settings(os.environ)
        return command(settings, Home(settings.home), Steps(console))
    except StackError as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted. What this command had started is ended.")
        return INTERRUPTED


def run(settings: Settings, home: Home, steps: Steps) -> int:
    started = start(settings, home, steps)
    try:
        return recover(home, steps)
    except StackError as error:
        raise ended_service(home) or error from error
    except KeyboardInterrupt:
        if started:
            with held_back():
                stop_stack(settings, home, steps)
        raise


def up(settings: Settings, home: Home, steps: Steps) -> int:
    started = start(settings, home, steps)
    steps.total("The stack is up" if started else "The stack was up already")
    say_where(home, steps)
    return 0


def down(settings: Settings, home: Home, steps: Steps) -> int:
    ended = stop_stack(settings, home, steps) if home.is_ours() else []
    steps.total("The stack is down" if ended else "Nothing was running")
    return 0


def clean(settings: Settings, home: Home, steps: Steps) -> int:
    if not home.folder.exists():
        steps.say(f"There is no {home.folder}.")
        return 0
    if home.is_ours():
        stop_stack(settings, home, steps)
    home.delete()
    steps.total(f"What was kept in {home.folder} is deleted")
    return 0


def status(_settings: Settings, home: Home, steps: Steps) -> int:
    services = home.services() if home.is_ours() else {}
    running = {name: name in services and services[name].is_running() for name in SERVICES}
    for name in SERVICES:
        state = f"runs, process {services[name].pid}" if running[name] else "does not run"
        steps.say(f"{name:<14} {state}")
    if all(running.values()):
        say_where(home, steps)
    return 0


def start(settings: Settings, home: Home, steps: Steps) -> bool:
    """Start what does not run; whether that was anything."""
    home.prepare()
    with home.locked(lambda: say_busy(steps)):
        return Stack(settings, home, steps).up()


def stop_stack(settings: Settings, home: Home, steps: Steps) -> list[str]:
    with home.locked(lambda: say_busy(steps)):
        stack = Stack(settings, home, steps)
        if not any(stack.running(name) for name in stack.services):
            return stack.down()  # of what has ended by itself, notes may be left
        with steps.step("Ending the stack") as done:
            ended = stack.down()
            done.append(f"Ended {len(ended)} services")
            return ended


def say_busy(steps: Steps) -> None:
    steps.say("Another command is starting or ending this stack: waiting for it.")


def recover(home: Home, steps: Steps) -> int:
    """Run recovery for today and show what came of it; 0 if all jobs succeeded."""
    stack = home.stack()
    with AirflowApi(stack["airflow_url"], stack["user"], stack["password"]) as api:
        up_since = datetime.fromtimestamp(home.services()[SCHEDULER].started or 0, UTC)
        run, new = start_or_join(api, datetime.now(UTC).date(), up_since)
        run_id = run["dag_run_id"]
        run_date = (run.get("conf") or {}).get("run_date") or "its own date"
        steps.say(f"\nRecovery for {run_date}{'' if new else ', which was at work already'}: all jobs in order\n")
        try:
            with Progress(steps.console) as progress:
                state = follow(api, run_id, progress)
        except KeyboardInterrupt:
            with held_back():
                steps.say(what_becomes_of(api, run_id, new=new))
            raise
        ended = results(api, run_id, home.folder / "logs" / "tasks")
    if not steps.console.is_terminal:
        steps.say("")
    print_results(steps.console, ended)
    steps.say(f"\n{documents(stack['elasticsearch_url'])} documents are behind the alias {ALIAS}.\n")
    failures = failure_lines(ended)
    if state != "success" and not failures:
        failures = [f"Recovery ended as {state}, though every job succeeded: {stack['airflow_url']}/dags/recovery"]
    if failures:
        steps.say("\n".join(failures) + "\n")
    say_where(home, steps)
    steps.total("\nDone" if not failures else "\nNot all jobs succeeded")
    return 1 if failures else 0


def what_becomes_of(api: AirflowApi, run_id: str, *, new: bool) -> str:
    """What an interrupt does to the recovery that was followed: one of our own is ended. A sentence."""
    if not new:
        return "The recovery that was at work before this command goes on, for as long as Airflow runs."
    try:
        end(api, run_id)
    except StackError as error:
        return f"The recovery could not be ended, and goes on for as long as Airflow runs: {error}"
    return f"The recovery is ended: its run {run_id} is marked as failed."


def ended_service(home: Home) -> StackError | None:
    """The first service that has ended by itself, as an error that names its log; None if all run."""
    services = home.services()
    for name in SERVICES:
        if name in services and not services[name].is_running():
            why = "has ended while the jobs were at work; `make run` starts it again and runs them anew"
            return ServiceFailed(services[name].name, why, services[name].log)
    return None


def documents(url: str) -> str:
    """How many a search finds, for people to read."""
    try:
        answer = httpx.get(f"{url}/{ALIAS}/_count", timeout=30, trust_env=False)
    except httpx.TransportError as error:
        raise StackError(f"Elasticsearch at {url} does not answer: {error}") from error
    return f"{answer.json()['count']:,}" if answer.status_code == httpx.codes.OK else "No"


def say_where(home: Home, steps: Steps) -> None:
    stack = home.stack()
    steps.say(f"Jobs:    {stack['airflow_url']}/sync/")
    steps.say(f"Airflow: {stack['airflow_url']}  user {stack['user']}  password {stack['password']}")
    steps.say(f"Search:  {stack['elasticsearch_url']}/{ALIAS}/_search")
    steps.say(f"More in {home.folder / 'stack.json'}; Airflow's command line: {home.folder / 'airflow'}")
    steps.say("To stop: make down (keeps the data), make clean (deletes it)")


if __name__ == "__main__":
    sys.exit(main())
