"""The verdict on a night, and the state of each job in it. Pure functions: no database, no clock, no Airflow.

    facts      what is known: runs, DAGs, components, the search index, and the time
    states     the state of each job in a night
    verdict    one verdict for the night, with its sentence: judge(facts, run_date)
    sentences  the words of the verdict
    advice     what the run-book says about an error

A night belongs to a run date D (docs/domain.md, "The night"). It starts at the tick of the first job on D and lasts
until that tick on the next day. So from 00:00 to 00:05 UTC the latest night is still that of the previous day
(sync_airflow.night_rules.latest_night).
"""
