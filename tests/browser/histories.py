"""Histories of nights that the tests and the pictures of the page show. Dates: the night of 2026-11-27, 07:30 UTC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sync_airflow.night.facts import ROLLBACK, BuildFact, Facts, IndexFact, RunFact
from sync_jobs.catalogue import JOBS
from tests.night_facts import (
    MORNING,
    NIGHT,
    at,
    failed_with_dependants,
    fine_night,
    index,
    known,
    manual,
    recovery,
    scheduled,
    search,
)
from tests.second_index.catalogue import posts_definition

EMPLOYING = "PersonPlacementEmployingBodyTrustJob"
OWNER = "PersonOwnerRebuildJob"
SEARCH = "PersonElasticSearchSyncJob"
FUNDING = "PostFundingStatusSyncJob"
DAY = timedelta(days=1)

# How many rows each job reads, and how many of them it changes in an ordinary night.
ORDINARY = {
    OWNER: (200_000, {"changed": 12}),
    EMPLOYING: (505_520, {"added": 31, "removed": 4}),
    "PersonPlacementTrainingBodyTrustJob": (500_559, {"added": 28}),
    "PostEmployingBodyTrustJob": (58_799, {}),
    "PostTrainingBodyTrustJob": (58_211, {}),
    SEARCH: (200_360, {"added": 12}),
    FUNDING: (966, {"changed": 966}),
    "PersonRecordStatusJob": (2_659, {"changed": 1_690, "refreshed": 1_690}),
}

# How long each job works, in seconds.
USUAL_SECONDS = dict(zip(ORDINARY, (312, 190, 205, 70, 75, 420, 95, 240), strict=True))

GUARD_RAIL = (
    "person_trust (EMPLOYING): this run would remove 505520 of 505520, more than the 101104 allowed (20 %). Check for "
    "an empty or broken source table. If the numbers are right, as on a first run or after a long outage, repeat the "
    "run with maximum_removed_percent = 100."
)

HIDDEN_TABLE = "Expected the application's tables, but public.placement is a view, which may hide rows."


@dataclass
class Clock:
    """In place of airflow.sdk.timezone in the page."""

    now: datetime = MORNING

    def utcnow(self) -> datetime:
        return self.now


NOW_OF_AIRFLOW = Clock()


def _real(runs: Iterable[RunFact]) -> list[RunFact]:
    """The runs with reports and durations as they are in real life."""
    return [_one(run) for run in runs]


def _one(run: RunFact) -> RunFact:
    if run.job not in ORDINARY or run.worked_from is None:
        return run
    ended = run.worked_from + timedelta(seconds=USUAL_SECONDS[run.job] if run.state == "success" else 8)
    if run.state == "running":
        return run
    run = replace(run, worked_until=ended, ended=ended, tries=1)
    return replace(run, report=_report(run)) if run.state == "success" else run


def _report(run: RunFact) -> dict[str, Any]:
    read, changed = ORDINARY[run.job]
    counts = {"read": read, "added": 0, "changed": 0, "removed": 0, "refreshed": 0, "left_out": 0} | changed
    counts["unchanged"] = read - counts["added"] - counts["changed"]
    dates = dict.fromkeys(("run_date", "first_date", "last_date"), str(run.run_date))
    return counts | dates | {"dry_run": run.dry_run, "seconds": float(USUAL_SECONDS[run.job]), "job": run.job}


def _history(runs: Iterable[RunFact], now: datetime = MORNING, **more: Any) -> Facts:
    """The night, after 14 nights: the 16th is missing, and in the 22nd a job failed."""
    before: list[RunFact] = []
    for days in range(1, 15):
        night = NIGHT - days * DAY
        if days == 11:
            continue
        before += fine_night(night, but=failed_with_dependants(OWNER, night) if days == 5 else ())
    return known(_real([*before, *runs]), now=now, **{"search": search(index(), _yesterday(), _kept())} | more)


def _yesterday() -> Any:
    return index(NIGHT - DAY, 200_348)


def _kept() -> Any:
    return index(NIGHT - 2 * DAY, 200_317)


def _guard_rail_stop() -> Facts:
    runs = [
        *fine_night(but=failed_with_dependants(EMPLOYING, reason=GUARD_RAIL)),
        manual(OWNER, at("07:12"), dry_run=True, conf={"dry_run": True}),
        manual(FUNDING, at("09:10", NIGHT - DAY), run_date=NIGHT - 2 * DAY, conf={"run_date": str(NIGHT - 2 * DAY)}),
    ]
    return _history(runs, search=search(_yesterday(), _kept()))


def _under_way() -> Facts:
    build = BuildFact(
        name="persons-20261127t012900-000001",
        started=at("01:29"),
        documents=144_000,
        expected=200_360,
        documents_per_second=480,
        is_running=True,
    )
    done = [run for run in fine_night() if run.run_after < at("01:29")]
    runs = [*done, scheduled(SEARCH, state="running")]
    return _history(runs, now=at("01:34"), search=search(_yesterday(), _kept(), build=build))


def _restored() -> Facts:
    failed = fine_night(but=failed_with_dependants(FUNDING, reason="connection lost"))
    by = recovery(at("07:05"), "success", conf={"only_jobs": ["post_funding_status_sync_job"]})
    again = manual(FUNDING, at("07:06"), started_by="recovery", run_id=f"recovery__{by.run_id}__1")
    return _history([*failed, by, again])


def _rolled_back() -> Facts:
    rollback = replace(
        manual(JOBS[0], at("07:02")),
        job=ROLLBACK,
        dag_id="persons_index_rollback",
        note="Started by admin from /sync/. Reason: wrong offices",
    )
    return _history([*fine_night(), rollback], search=search(_yesterday(), index()))


TWO_INDICES = "two indices"


def two_indices() -> Facts:
    """All nine jobs are done, and a second index was rolled back to the build of the night before."""
    fine = HISTORIES["fine"]
    live, newer = (_of_posts(night, documents) for night, documents in ((NIGHT - DAY, 58_790), (NIGHT, 58_799)))
    (posts,) = search(
        live, newer, alias="posts", job="PostIndexJob", rollback="posts_index_rollback", alarm="posts_index_alarm"
    )
    rollback = replace(manual(JOBS[0], at("07:02")), job=ROLLBACK, dag_id=posts.rollback)
    return replace(fine, runs=(*fine.runs, rollback), search=(*fine.search, posts))


def _of_posts(night: date, documents: int) -> IndexFact:
    built = at("03:00", night)
    name = f"posts-{built:%Y%m%dt%H%M%S}-000000"
    return replace(index(night, documents), name=name, built_at=built, definition_version=posts_definition().version)


HISTORIES: dict[str, Facts] = {
    "fine": _history(fine_night()),
    "late": _history([], now=at("00:35"), search=search(_yesterday())),
    "failed": _history(
        fine_night(but=failed_with_dependants(EMPLOYING, reason=HIDDEN_TABLE)),
        search=search(_yesterday(), _kept()),
    ),
    "nothing ran": _history([], search=search(_yesterday(), _kept()), components=()),
    "restored": _restored(),
    "rolled back": _rolled_back(),
    "guard rail": _guard_rail_stop(),
    "under way": _under_way(),
    "elasticsearch down": _history(fine_night(), search=()),
    "database down": Facts(now=MORNING, search=search(index(), _yesterday(), _kept()), error="it is down"),
}
