"""The local stack: PostgreSQL, Elasticsearch and Airflow on this machine.

    run     start the stack if needed, then run recovery for today; shows its progress and what each job did
    up      start the stack, or the services that are not running
    down    stop the stack; the data stays
    clean   stop the stack and delete its data
    status  show which services are running, and whether last night was fine; exit code 1 if the stack is down

Environment: SYNC_HOME, SYNC_POSTGRES_PORT, SYNC_ELASTICSEARCH_PORT, SYNC_AIRFLOW_PORT, SYNC_DEMO_PERSONS,
SYNC_ELASTICSEARCH_HEAP, SYNC_RECOVERY_WINDOW (docs/reference/local-stack.md, "Environment variables").
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
from rich.console import Console

from local.airflow_api import AirflowApi
from local.console import Steps
from local.disk_space import check_disk_space
from local.environment import drop_postgresql_settings
from local.errors import ServiceFailed, StackError
from local.home import Home
from local.http_client import CLIENT
from local.interrupts import interrupt_on_signals, interrupts_ignored
from local.processes import Service
from local.recovery_run import end, follow, results, start_or_join
from local.recovery_view import Progress, failure_lines, outcome, print_results
from local.settings import Settings, read_home, read_settings
from local.stack import POSTGRES, SERVICES, Stack
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_jobs.parameter_names import RUN_DATE

SCHEDULER = "scheduler"
INTERRUPTED = 130
# How long `status` waits for the verdict.
STATUS_SECONDS = 15.0
STOPPED = (
    "The stack was stopped by another command (make down, or make clean) while this one was running. The jobs have not "
    "finished; `make run` starts the stack and the jobs again."
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="local", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = {"run": run, "up": up, "down": down, "clean": clean, "status": status}
    parser.add_argument("command", choices=commands)
    name = parser.parse_args().command
    command = commands[name]
    interrupt_on_signals()
    drop_postgresql_settings()
    console = Console()
    try:
        # status must work even if another setting is invalid.
        settings = Settings(home=read_home(os.environ)) if name == "status" else read_settings(os.environ)
        return command(settings, Home(settings.home), Steps(console))
    except StackError as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted. What this command had started is stopped.")
        return INTERRUPTED


def run(settings: Settings, home: Home, steps: Steps) -> int:
    started = start(settings, home, steps)
    services = home.services()
    try:
        code = recover(home, steps)
    except StackError as error:
        raise stopped_meanwhile(home, services) or stopped_service(home) or error from error
    except KeyboardInterrupt:
        if started:
            with interrupts_ignored():
                stop_stack(settings, home, steps)
        raise
    if code and (stopped := stopped_meanwhile(home, services)):
        raise stopped
    return code


def up(settings: Settings, home: Home, steps: Steps) -> int:
    started = start(settings, home, steps)
    steps.total("The stack is running" if started else "The stack was already running")
    show_addresses(home, steps)
    return 0


def down(settings: Settings, home: Home, steps: Steps) -> int:
    stopped = stop_stack(settings, home, steps) if home.is_ours() else []
    steps.total("The stack is stopped" if stopped else "Nothing was running")
    return 0


def clean(settings: Settings, home: Home, steps: Steps) -> int:
    if not home.folder.exists():
        steps.say(f"{home.folder} does not exist: there is nothing to delete.")
        return 0
    if home.is_ours():
        stop_stack(settings, home, steps)
    home.delete()
    steps.total(f"Deleted the data in {home.folder}")
    return 0


def status(_settings: Settings, home: Home, steps: Steps) -> int:
    services = home.services() if home.is_ours() else {}
    running = {name: name in services and services[name].is_running() for name in SERVICES}
    for name in SERVICES:
        state = f"running, process {services[name].pid}" if running[name] else "not running"
        steps.say(f"{name:<14} {state}")
    if not all(running.values()) or not home.stack():  # also while it is starting or being stopped
        return 1
    for line in last_night(home):
        steps.say(line)
    show_addresses(home, steps)
    return 0


def last_night(home: Home) -> list[str]:
    """The verdict that the page shows, and what is not done."""
    stack = running_stack(home)
    try:
        with AirflowApi(stack["airflow_url"], stack["user"], stack["password"], patience=STATUS_SECONDS) as api:
            night = api.night()
    except StackError as error:
        return [f"It is not known how the night went: {error}"]
    open_jobs = [job for job in night["jobs"] if job["state"] not in ("done", "waiting")]
    lines = [night["sentence"], *night["details"], *night["warnings"]]
    return lines + [f"  {job['name']}: {job['state']}{', ' + job['why'] if job['why'] else ''}" for job in open_jobs]


def start(settings: Settings, home: Home, steps: Steps) -> bool:
    """Start what is not running. Returns whether anything was started."""
    home.check_usable()
    has_data = (home.folder / POSTGRES).exists()
    check_disk_space(home.folder, new_persons=0 if has_data else settings.demo_persons)
    home.prepare()
    with home.locked(lambda: say_busy(steps)):
        return Stack(settings, home, steps).up()


def stop_stack(settings: Settings, home: Home, steps: Steps) -> list[str]:
    """Returns the names of the services that were stopped."""
    with home.locked(lambda: say_busy(steps)):
        stack = Stack(settings, home, steps)
        if not any(stack.running(name) for name in stack.services):
            return stack.down()  # removes stopped services from the list
        with steps.step("Stopping the stack") as done:
            stopped = stack.down()
            done.append("Stopped 1 service" if len(stopped) == 1 else f"Stopped {len(stopped)} services")
            return stopped


def say_busy(steps: Steps) -> None:
    steps.say("Another command is starting or stopping this stack: waiting for it.")


def recover(home: Home, steps: Steps) -> int:
    """Run recovery for today and show its results. Returns 0 if all jobs succeeded, else 1."""
    began = time.monotonic()
    stack = running_stack(home)
    with AirflowApi(stack["airflow_url"], stack["user"], stack["password"]) as api:
        scheduler_started = datetime.fromtimestamp(home.services()[SCHEDULER].started or 0, UTC)
        run, new = start_or_join(api, datetime.now(UTC).date(), scheduler_started)
        run_id = run["dag_run_id"]
        run_date = (run.get("conf") or {}).get(RUN_DATE) or "its own date"
        steps.say(f"\nRecovery for {run_date}{'' if new else ', which was already running'}: all jobs in order\n")
        try:
            with Progress(steps.console) as progress:
                state = follow(api, run_id, progress)
        except KeyboardInterrupt:
            with interrupts_ignored():
                steps.say(after_interrupt(api, run_id, new=new))
            raise
        ended = results(api, run_id, home.folder / "logs" / "tasks")
    seconds = time.monotonic() - began
    if not steps.console.is_terminal:
        steps.say("")
    print_results(steps.console, ended)
    steps.say("")
    for definition in INDEX_DEFINITIONS:
        count = documents(stack["elasticsearch_url"], definition.alias)
        steps.say(f"The alias {definition.alias} has {count} documents.")
    steps.say("")
    if failures := failure_lines(ended):
        steps.say("\n".join(failures) + "\n")
    show_addresses(home, steps)
    steps.say(f"\nThe jobs took {seconds:.1f} s, the whole command {steps.seconds():.1f} s.")
    steps.say(outcome(ended, state))
    return 0 if state == "success" and not failures else 1


def after_interrupt(api: AirflowApi, run_id: str, *, new: bool) -> str:
    """Stop an interrupted recovery if this command has started it. Returns a sentence about its state."""
    if not new:
        return "Recovery was already running before this command. It continues as long as Airflow runs."
    try:
        end(api, run_id)
    except StackError as error:
        return f"Recovery could not be stopped. It continues as long as Airflow runs: {error}"
    return f"Recovery is stopped: its run {run_id} is marked as failed."


def running_stack(home: Home) -> dict[str, str]:
    """How to reach the stack (Home.stack). Raises StackError if another command is stopping it."""
    stack = home.stack()
    if not stack or SCHEDULER not in home.services():
        raise StackError(STOPPED)
    return stack


def stopped_meanwhile(home: Home, services: Mapping[str, Service]) -> StackError | None:
    """An error if another command has stopped these services since this one started; None if not.

    A service that stopped for another reason is still in the list of services.
    """
    if home.stack() and all(home.services().get(name) == service for name, service in services.items()):
        return None
    return StackError(STOPPED)


def stopped_service(home: Home) -> StackError | None:
    """An error that names the first service that is not running any more, and its log; None if all are running."""
    services = home.services()
    for name in SERVICES:
        if name in services and not services[name].is_running():
            why = "stopped while the jobs were running; `make run` starts it and the jobs again"
            return ServiceFailed(services[name].name, why, services[name].log)
    return None


def documents(url: str, alias: str) -> str:
    """The number of documents in the live index of an alias, as text for people."""
    try:
        answer = CLIENT.get(f"{url}/{alias}/_count", timeout=30)
    except httpx.TransportError as error:
        raise StackError(f"Elasticsearch at {url} does not answer: {error}") from error
    return f"{answer.json()['count']:,}" if answer.status_code == httpx.codes.OK else "no"


def show_addresses(home: Home, steps: Steps) -> None:
    """Show the password only on a terminal: other output may be stored, for instance by a build server."""
    stack, file = running_stack(home), home.folder / "stack.json"
    password = stack["password"] if sys.stdout.isatty() else f"in {file}"
    steps.say(f"Page:    {stack['airflow_url']}/sync/")
    steps.say(f"Airflow: {stack['airflow_url']}  user {stack['user']}  password {password}")
    for definition in INDEX_DEFINITIONS:
        steps.say(f"Search:  {stack['elasticsearch_url']}/{definition.alias}/_search")
    steps.say(f"All addresses and passwords: {file}")
    steps.say(f"Airflow's command line: {home.folder / 'airflow'}")
    steps.say("To stop: make down (keeps the data) or make clean (deletes it)")


if __name__ == "__main__":
    sys.exit(main())
