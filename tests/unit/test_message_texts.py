"""The texts of the messages to the channel."""

from datetime import date

from sync_airflow.messages import texts

D = date(2024, 2, 29)
REPORT = {
    "warning": "",
    "job": "PersonOwnerRebuildJob",
    "run_date": "2024-02-29",
    "dry_run": False,
    "seconds": 61.26,
    "read": 200000,
    "added": 12,
    "changed": 3,
    "removed": 0,
    "unchanged": 199985,
    "refreshed": 0,
    "left_out": 2,
}


def test_the_start_names_the_job_its_date_and_its_run() -> None:
    text = texts.started("PersonOwnerRebuildJob", D, "scheduled__2024-02-29", dry_run=False)
    assert text == "*PersonOwnerRebuildJob* started for 2024-02-29: scheduled__2024-02-29"


def test_the_end_has_the_counts() -> None:
    assert texts.finished("PersonOwnerRebuildJob", REPORT) == (
        "*PersonOwnerRebuildJob* finished for 2024-02-29 in 61.3 s: "
        "200,000 read, 12 added, 3 changed, 0 removed, 199,985 unchanged, 0 refreshed, 2 left out"
    )


def test_a_warning_of_the_report_follows_its_counts_and_notifies_the_channel() -> None:
    text = texts.finished("J", REPORT | {"warning": "Documents < 3 stay as built."})
    assert text.startswith("<!channel> *J* finished for ")
    assert text.endswith(" left out. Documents &lt; 3 stay as built.")


def test_a_dry_run_is_named() -> None:
    assert "2024-02-29 (dry run: nothing is written):" in texts.started("PersonOwnerRebuildJob", D, "x", dry_run=True)
    assert "2024-02-29 (dry run: nothing is written) in" in texts.finished("J", REPORT | {"dry_run": True})


def test_a_failure_notifies_the_channel_with_the_reason_and_a_link_to_the_log() -> None:
    text = texts.failed("PersonOwnerRebuildJob", "run_job", "would remove 100 of 100 rows", "http://airflow/x?y=1")
    assert text == (
        "<!channel> *PersonOwnerRebuildJob* failed: would remove 100 of 100 rows\n<http://airflow/x?y=1|Log of run_job>"
    )


def test_markup_in_a_reason_is_escaped() -> None:
    text = texts.failed("J", "run_job", "<!here> a & b > c", "http://airflow")
    assert "&lt;!here&gt; a &amp; b &gt; c" in text
    assert "<!here>" not in text


def test_a_long_reason_is_truncated() -> None:
    text = texts.failed("J", "run_job", "x" * 5000, "http://airflow")
    assert len(text) < 1100
    assert "x…\n<http://airflow|" in text


def test_the_end_of_recovery_says_that_all_jobs_succeeded() -> None:
    assert texts.recovered(D, 8, "Last night was fine.") == (
        "*Recovery* finished for 2024-02-29: all 8 jobs succeeded. Last night was fine."
    )
    assert texts.recovered(D, 1, "") == "*Recovery* finished for 2024-02-29: 1 job succeeded."
