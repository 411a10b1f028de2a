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
    text = texts.started("PersonOwnerRebuildJob", D, "scheduled__2024-02-29", dry_run=False).slack
    assert text == "*PersonOwnerRebuildJob* started for 2024-02-29: scheduled__2024-02-29"


def test_the_end_has_the_counts() -> None:
    assert texts.finished("PersonOwnerRebuildJob", REPORT).slack == (
        "*PersonOwnerRebuildJob* finished for 2024-02-29 in 61.3 s: "
        "200,000 read, 12 added, 3 changed, 0 removed, 199,985 unchanged, 0 refreshed, 2 left out"
    )


def test_a_warning_of_the_report_follows_its_counts_and_notifies_the_channel() -> None:
    text = texts.finished("J", REPORT | {"warning": "Documents < 3 stay as built."}).slack
    assert text.startswith("<!channel> *J* finished for ")
    assert text.endswith(" left out. Documents &lt; 3 stay as built.")


def test_a_dry_run_is_named() -> None:
    assert "2024-02-29 (dry run: nothing is written):" in texts.started("J", D, "x", dry_run=True).slack
    assert "2024-02-29 (dry run: nothing is written) in" in texts.finished("J", REPORT | {"dry_run": True}).slack


def test_a_failure_notifies_the_channel_with_the_reason_and_a_link_to_the_log() -> None:
    text = texts.failed(
        "PersonOwnerRebuildJob", "run_job", "would remove 100 of 100 rows", "http://airflow/x?y=1"
    ).slack
    assert text == (
        "<!channel> *PersonOwnerRebuildJob* failed: would remove 100 of 100 rows\n<http://airflow/x?y=1|Log of run_job>"
    )


def test_markup_in_a_reason_is_escaped() -> None:
    text = texts.failed("J", "run_job", "<!here> a & b > c", "http://airflow").slack
    assert "&lt;!here&gt; a &amp; b &gt; c" in text
    assert "<!here>" not in text


def test_a_long_reason_is_truncated() -> None:
    text = texts.failed("J", "run_job", "x" * 5000, "http://airflow").slack
    assert len(text) < 1100
    assert "x…\n<http://airflow|" in text


def test_the_end_of_recovery_says_that_all_jobs_succeeded() -> None:
    assert texts.recovered(D, 8, "Last night was fine.").slack == (
        "*Recovery* finished for 2024-02-29: all 8 jobs succeeded. Last night was fine."
    )
    assert texts.recovered(D, 1, "").slack == "*Recovery* finished for 2024-02-29: 1 job succeeded."


def test_a_failure_without_markup_and_as_html() -> None:
    message = texts.failed("J", "run_job", "<b> & more", "http://airflow/x?a=1&b=2")
    assert message.plain == "J failed: <b> & more\nLog of run_job: http://airflow/x?a=1&b=2"
    assert message.html == (
        '<p><b>J</b> failed: &lt;b&gt; &amp; more<br><a href="http://airflow/x?a=1&amp;b=2">Log of run_job</a></p>'
    )
    assert (message.subject, message.urgent) == ("URGENT: J", True)


def test_only_a_warning_makes_the_end_of_a_job_urgent() -> None:
    assert not texts.finished("J", REPORT).urgent
    assert texts.finished("J", REPORT | {"warning": "Look."}).urgent
    assert texts.finished("J", REPORT).subject == "J"
