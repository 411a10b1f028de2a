"""Which date a run is for, which dates it covers, and when it has nothing left to do."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from types import SimpleNamespace

import pytest

from sync_airflow.night_rules import (
    Success,
    SuccessesOf,
    belongs_to_a_night,
    between,
    chosen_date,
    covering_run,
    first_date,
    latest_night,
    no_night_is_known,
    own_date,
    reason_not_to_wait,
    reason_to_skip,
    refuse_wrong_first_date,
    successes,
    successful_nights,
)
from sync_jobs.catalogue import Job, find_job
from sync_jobs.errors import BadArgument

D = date(2024, 2, 29)
OWNER = find_job("PersonOwnerRebuildJob")  # 00:05
FUNDING = find_job("PostFundingStatusSyncJob")  # 01:45, covers missed nights
STATUS = find_job("PersonRecordStatusJob")  # 02:00, covers missed nights


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=UTC)


def days(number: int) -> timedelta:
    return timedelta(days=number)


def success(
    run_date: date = D,
    *,
    run_id: str = "another run",
    own: date | None = None,
    started: datetime | None = None,
    ended: datetime | None = None,
    dry_run: bool = False,
    date_override: str = "",
) -> Success:
    return Success(
        run_id=run_id,
        run_date=run_date,
        own_date=own or run_date,
        started=started or at(run_date, 3),
        ended=ended or (started or at(run_date, 3)) + timedelta(minutes=1),
        dry_run=dry_run,
        date_override=date_override,
    )


class TestRunDate:
    @pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
    def test_a_run_of_a_night_is_for_the_date_of_its_tick_even_if_it_starts_late(self, run_type: str) -> None:
        assert own_date(run_type, at(D, 0, 5), at(D + days(3), 9)) == D

    @pytest.mark.parametrize("run_type", ["manual", "operator_triggered", "asset_triggered"])
    def test_a_manual_run_is_for_the_day_on_which_it_starts_despite_its_logical_date(self, run_type: str) -> None:
        assert own_date(run_type, None, at(D, 23, 59)) == D
        assert own_date(run_type, at(D - days(9), 0), at(D, 23, 59)) == D

    def test_dates_are_those_of_utc_on_a_host_in_any_zone(self) -> None:
        london_in_summer = timezone(timedelta(hours=1))
        half_past_midnight = datetime(2026, 7, 2, 0, 30, tzinfo=london_in_summer)
        assert own_date("manual", None, half_past_midnight) == date(2026, 7, 1)
        assert own_date("scheduled", half_past_midnight, half_past_midnight) == date(2026, 7, 1)

    def test_a_given_date_replaces_the_runs_own_date(self) -> None:
        assert chosen_date("2024-02-28", D) == date(2024, 2, 28)
        assert chosen_date("", D) == D
        assert chosen_date(None, D) == D

    @pytest.mark.parametrize("given", ["2023-02-29", "yesterday", "20240229", "2024-W09-4"])
    def test_an_invalid_given_date_is_refused(self, given: str) -> None:
        with pytest.raises(BadArgument, match=given):
            chosen_date(given, D)

    def test_only_scheduled_runs_and_backfills_belong_to_a_night(self) -> None:
        types = ("scheduled", "backfill", "manual", "operator_triggered", "asset_triggered")
        assert [run_type for run_type in types if belongs_to_a_night(run_type)] == ["scheduled", "backfill"]


class TestMissedNights:
    @pytest.mark.parametrize("job", [FUNDING, STATUS])
    def test_three_missed_nights_are_covered_by_the_next_run(self, job: Job) -> None:
        past = (success(D - days(4)), success(D - days(5)))
        assert first_date(job, D, D, successful_nights(past)) == D - days(3)

    def test_without_a_missed_night_a_run_covers_its_own_date(self) -> None:
        assert first_date(STATUS, D, D, successful_nights((success(D - days(1)),))) == D

    def test_the_very_first_run_covers_its_own_date(self) -> None:
        assert first_date(STATUS, D, D, ()) is None

    def test_a_job_that_computes_the_current_state_covers_no_dates(self) -> None:
        assert first_date(OWNER, D, D, successful_nights((success(D - days(4)),))) is None

    def test_a_dry_run_covers_nothing(self) -> None:
        past = (success(D - days(1), dry_run=True), success(D - days(3)))
        assert first_date(STATUS, D, D, successful_nights(past)) == D - days(2)

    def test_a_run_with_a_date_override_covers_nothing(self) -> None:
        past = (success(D - days(1), date_override="ANY"), success(D - days(3)))
        assert first_date(STATUS, D, D, successful_nights(past)) == D - days(2)
        assert first_date(STATUS, D, D, successful_nights(past), date_override="NONE") is None

    def test_a_run_for_a_past_date_covers_only_that_date_and_hides_no_missed_night(self) -> None:
        years_ago = success(date(2020, 1, 1), own=D - days(1))
        assert first_date(STATUS, date(2020, 1, 1), D, successful_nights((success(D - days(3)),))) is None
        assert first_date(STATUS, D, D, successful_nights((years_ago, success(D - days(3))))) == D - days(2)
        assert first_date(STATUS, D, D, successful_nights((years_ago,))) is None

    def test_a_run_for_a_future_date_does_not_cover_the_nights_until_then(self) -> None:
        ahead = success(D + days(5), own=D - days(3))
        assert first_date(STATUS, D, D, successful_nights((ahead, success(D - days(3))))) == D - days(2)
        assert first_date(STATUS, D + days(6), D + days(6), successful_nights((ahead, success(D)))) == D + days(1)

    def test_a_second_run_on_the_same_day_covers_the_same_dates_again(self) -> None:
        past = (success(D), success(D - days(3)))
        assert first_date(STATUS, D, D, successful_nights(past)) == D - days(2)

    def test_month_ends_and_leap_days_are_covered(self) -> None:
        past = (success(date(2024, 2, 28)),)
        assert first_date(STATUS, date(2024, 3, 1), date(2024, 3, 1), successful_nights(past)) == date(2024, 2, 29)

    def test_a_given_first_date_is_covered_for_any_run_date_of_a_job_that_covers_missed_nights(self) -> None:
        given = D - days(5)
        assert first_date(STATUS, D, D, (), given=given) == given
        assert first_date(STATUS, D - days(2), D, (D - days(9),), given=given) == given

    def test_a_later_first_date_than_that_of_the_missed_nights_loses_none_of_them(self) -> None:
        assert first_date(STATUS, D, D, (D - days(4),), given=D - days(1)) == D - days(3)
        assert first_date(STATUS, D, D, (D - days(4),), given=D - days(9)) == D - days(9)


class TestUnknownNights:
    def test_a_run_that_should_cover_missed_nights_knows_none(self) -> None:
        assert no_night_is_known(STATUS, D, D, ())
        assert no_night_is_known(STATUS, D, D, (D + days(3),)), "a clock was wrong"

    @pytest.mark.parametrize("night", [D, D - days(1), D - days(99)])
    def test_a_known_night_is_enough_also_that_of_this_date(self, night: date) -> None:
        assert not no_night_is_known(STATUS, D, D, (night,))

    def test_a_run_that_covers_no_missed_nights_needs_none(self) -> None:
        assert not no_night_is_known(OWNER, D, D, ())
        assert not no_night_is_known(STATUS, D - days(2), D, ())
        assert not no_night_is_known(STATUS, D, D, (), date_override="ANY")


class TestGivenFirstDate:
    def refuse(self, given: date, *, confirmed: bool = False) -> None:
        refuse_wrong_first_date(given, D, maximum_days=366, confirmed=confirmed)

    def test_a_date_up_to_the_run_date_is_accepted(self) -> None:
        self.refuse(D)
        self.refuse(D - days(366))

    def test_a_date_after_the_run_date_is_refused_even_if_it_is_confirmed(self) -> None:
        with pytest.raises(BadArgument, match=r"first_date 2024-03-01 is after the run date 2024-02-29"):
            self.refuse(D + days(1), confirmed=True)

    def test_a_date_far_before_the_run_date_needs_confirmation(self) -> None:
        with pytest.raises(BadArgument, match=r"367 days before the run date.*confirm_run_date"):
            self.refuse(D - days(367))
        self.refuse(date(1800, 1, 1), confirmed=True)


def of(**by_job: tuple[Success, ...]) -> SuccessesOf:
    """Past successes by DAG id."""
    return lambda job: by_job.get(job.dag_id, ())


class TestCoveredByAnotherRun:
    tick = at(D, 1, 45)

    def covering(self, *events: Success) -> Success | None:
        return covering_run(FUNDING, self.tick, of(post_funding_status_sync_job=events), run_id="scheduled__1")

    def test_a_run_of_recovery_after_the_tick_covers_it(self) -> None:
        recovered = success(started=at(D, 3), run_id="recovery__1")
        assert self.covering(recovered) == recovered

    @pytest.mark.parametrize(
        "other",
        [
            success(started=at(D, 1, 44)),
            success(run_id="scheduled__1"),
            success(dry_run=True),
            success(date_override="2024-02-29"),
            success(D - days(1), own=D, started=at(D, 3)),
            success(D + days(9), own=D, started=at(D, 3)),
        ],
        ids=["started before the tick", "the run itself", "dry", "override", "for a past date", "for a date to come"],
    )
    def test_a_run_that_did_not_do_the_work_of_the_night_covers_nothing(self, other: Success) -> None:
        assert self.covering(other) is None

    def test_a_run_of_a_later_night_covers_it_with_all_nights_before(self) -> None:
        later = success(D + days(1), started=at(D + days(1), 2))
        assert self.covering(later) == later

    def test_an_index_build_covers_the_night_only_after_all_upstream_work_of_that_night(self) -> None:
        build = success(started=at(D, 3, 30), run_id="build")
        before = {
            "person_owner_rebuild_job": (success(started=at(D, 3, 0)),),
            "person_placement_employing_body_trust_job": (success(started=at(D, 3, 5)),),
            "person_placement_training_body_trust_job": (success(started=at(D, 3, 10)),),
        }

        def covering(**changed: tuple[Success, ...]) -> Success | None:
            past = before | {"person_elastic_search_sync_job": (build,)} | changed
            return covering_run(find_job("PersonElasticSearchSyncJob"), at(D, 1, 29), of(**past))

        assert covering() == build
        for dag_id in before:
            assert covering(**{dag_id: ()}) is None, f"{dag_id} has not been done tonight"
            last_night = (success(D - days(1)),)
            assert covering(**{dag_id: last_night}) is None, f"{dag_id} was last done the night before"
            too_late = (success(started=at(D, 3, 29), ended=at(D, 3, 31)),)
            assert covering(**{dag_id: too_late}) is None, f"{dag_id} ended when the build had begun"
        # The training bodies ran before the employing bodies, their upstream: out of order, so this does not count.
        out_of_order = (success(started=at(D, 3, 4)),)
        assert covering(person_placement_training_body_trust_job=out_of_order) is None


class TestReasonToSkip:
    def reason(
        self,
        *,
        job: Job = FUNDING,
        run_type: str = "scheduled",
        tick: datetime | None = None,
        times_cleared: int = 0,
        now: datetime | None = None,
        events: Sequence[Success] = (),
    ) -> str | None:
        tick = tick or datetime.combine(D, job.at, tzinfo=UTC)
        return reason_to_skip(
            job,
            run_type=run_type,
            tick=tick,
            run_id="scheduled__1",
            times_cleared=times_cleared,
            now=now or tick + timedelta(minutes=1),
            successes_of=lambda _: events,
        )

    def test_an_ordinary_night_is_not_skipped(self) -> None:
        assert self.reason(events=(success(D - days(1)),)) is None

    def test_a_late_night_is_not_skipped_until_the_next_one_begins(self) -> None:
        assert self.reason(now=at(D, 23, 59)) is None
        assert self.reason(now=at(D + days(1), 0, 4)) is None
        assert "the night of 2024-03-01 has started" in (self.reason(now=at(D + days(1), 0, 5)) or "")

    def test_all_jobs_of_an_old_night_are_skipped_together(self) -> None:
        now = at(D + days(1), 0, 6)  # the index build of the new night is not due before 01:29
        assert self.reason(job=OWNER, now=now)
        assert self.reason(job=find_job("PersonElasticSearchSyncJob"), now=now)

    def test_the_covering_run_is_named(self) -> None:
        assert self.reason(events=(success(started=at(D, 3), run_id="recovery__1"),)) == (
            "PostFundingStatusSyncJob: the run recovery__1, started 2024-02-29 03:00 UTC for 2024-02-29, "
            "covers this one of 2024-02-29 01:45 UTC."
        )

    def test_a_cleared_run_always_runs(self) -> None:
        assert self.reason(times_cleared=1, now=at(D + days(5), 9), events=(success(),)) is None

    @pytest.mark.parametrize("run_type", ["backfill", "manual", "operator_triggered"])
    def test_a_requested_run_always_runs(self, run_type: str) -> None:
        assert self.reason(run_type=run_type, now=at(D + days(5), 9), events=(success(),)) is None

    def test_the_night_is_computed_in_utc(self) -> None:
        assert latest_night(at(D, 0, 5)) == D
        assert latest_night(at(D, 0, 4)) == D - days(1)
        assert latest_night(datetime(2024, 3, 1, 0, 5, tzinfo=timezone(timedelta(hours=1)))) == D


class TestReasonNotToWait:
    tick = at(D, 0, 5)

    def reason(self, *, runs: int = 0, is_paused: bool = False, next_tick: datetime | None = None) -> str | None:
        return reason_not_to_wait(OWNER, self.tick, runs=runs, is_paused=is_paused, next_tick=next_tick)

    def test_a_sensor_waits_for_an_existing_run_even_if_its_dag_is_paused(self) -> None:
        assert self.reason(runs=1, is_paused=True, next_tick=self.tick + days(1)) is None

    @pytest.mark.parametrize("next_tick", [None, tick, tick - days(2)])
    def test_a_sensor_waits_for_a_run_that_may_still_be_created(self, next_tick: datetime | None) -> None:
        assert self.reason(next_tick=next_tick) is None

    def test_a_dag_that_plans_a_later_run_will_not_create_this_one(self) -> None:
        assert "will not get one" in (self.reason(next_tick=self.tick + days(1)) or "")

    def test_a_paused_dag_creates_no_runs(self) -> None:
        assert "is paused" in (self.reason(is_paused=True, next_tick=self.tick) or "")


class TestSuccess:
    def test_an_event_is_read_as_it_was_written(self) -> None:
        written = success(D, own=D - days(1), dry_run=True, date_override="ANY")
        assert Success.from_extra(written.as_extra()) == written

    def test_an_event_created_in_the_ui_is_left_out(self) -> None:
        events = [SimpleNamespace(extra=extra) for extra in ({"from_rest_api": True}, {}, None, success().as_extra())]
        assert successes(events) == (success(),)

    def test_the_time_between_two_ticks_of_one_night(self) -> None:
        assert between(OWNER, FUNDING) == timedelta(minutes=100)
