"""The states of a night, compared with a second model that looks at one job at a time, on random histories."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from sync_airflow.night.facts import RunFact
from sync_airflow.night.states import states_of_night
from sync_airflow.night.verdict import judge
from sync_jobs.catalogue import JOBS
from tests.expected_jobs import EXPECTED_JOBS
from tests.night_facts import MORNING, NIGHT, at, known, manual, scheduled

HISTORIES = 400


def a_run(random_numbers: random.Random) -> RunFact:
    """A run that has ended before the morning: of the night or manual, for this or for another date, real or dry."""
    job = random_numbers.choice(JOBS)
    state = random_numbers.choice(("success", "success", "failed"))
    if random_numbers.random() < 0.6:
        run = scheduled(job, NIGHT, state)
    else:
        run = manual(job, at("00:00") + timedelta(minutes=random_numbers.randrange(440)), state)
    if random_numbers.random() < 0.2:
        run = replace(run, dry_run=True)
    if random_numbers.random() < 0.2:
        other = NIGHT + timedelta(days=random_numbers.choice((-1, 1, 3650)))
        run = replace(run, run_date=other)
    if random_numbers.random() < 0.15:
        run = replace(run, date_override=random_numbers.choice(("ANY", "2026-11-20", NIGHT.isoformat())))
    if random_numbers.random() < 0.1:
        run = replace(run, worked=False)
    return run


def naive_states(runs: list[RunFact]) -> dict[str, str]:
    """done, failed or not run, for each job: after the night, when nothing is running and nothing is paused."""
    ends: dict[str, list[datetime]] = {}
    states: dict[str, str] = {}
    for expected in EXPECTED_JOBS:
        due = at(f"{expected.at:%H:%M}")
        mine = [
            run
            for run in runs
            if run.job == expected.name
            and not run.dry_run
            and run.date_override in ("", NIGHT.isoformat())
            and run.run_date == NIGHT
            and run.worked
            and run.worked_from is not None
            and run.worked_from >= due
        ]
        good = [
            run.worked_until
            for run in mine
            if run.state == "success"
            and run.worked_until is not None
            and all(
                any(end <= run.worked_from for end in ends[other])
                for other in expected.waits_for
                if run.worked_from is not None
            )
        ]
        ends[expected.name] = good
        bad = [run for run in mine if run.state == "failed"]
        states[expected.name] = "done" if good else "failed" if bad else "not run"
    return states


def test_random_histories_are_judged_as_by_a_naive_model(random_numbers: random.Random) -> None:
    for _ in range(HISTORIES):
        runs = [a_run(random_numbers) for _ in range(random_numbers.randrange(30))]
        found = {job.job.name: job.state for job in states_of_night(known(runs), NIGHT)}
        assert found == naive_states(runs), runs


def test_a_random_history_has_one_consistent_verdict(random_numbers: random.Random) -> None:
    for _ in range(HISTORIES):
        runs = [a_run(random_numbers) for _ in range(random_numbers.randrange(30))]
        night = judge(known(runs))
        open_jobs = [job for job in night.jobs if not job.is_done]
        assert (night.verdict in ("fine", "repaired")) == (not open_jobs)
        assert [job.name for job in night.missing] == [job.job.name for job in open_jobs]
        named = [job for root in night.roots for job in (root.job, *root.followers)]
        assert sorted(job.job.name for job in named) == sorted(job.job.name for job in open_jobs)
        assert night.sentence.endswith((".", "?"))
        assert night.run_date == NIGHT
        assert known(runs).now == MORNING
