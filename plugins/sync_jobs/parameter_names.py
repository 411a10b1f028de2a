"""Names of the run parameters, which are keys in the conf of a run; sync_jobs.parameters explains them.

Guard-rail limits are parameters too: their names are the fields of sync_jobs.guard_rail.Limits.
"""

RUN_DATE = "run_date"
CONFIRM_RUN_DATE = "confirm_run_date"
FIRST_DATE = "first_date"
DATE_OVERRIDE = "date_override"
DRY_RUN = "dry_run"
DIRECTION = "direction"
DOCUMENTS = "documents"
FOLLOW_ON = "run_follow_on_jobs"
