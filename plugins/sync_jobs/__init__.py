"""The jobs: plain Python, independent of Airflow.

    catalogue, parameters   the tables of jobs and of run parameters
    runner, job_run         one run of a job: its parameters, checked
    run_dates, guard_rail   which dates a run covers; the limits that stop it
    report, errors, error_translation, batches
    jobs/               one module per job
    index_definitions/  one definition per search index
    search/             builds, verifies, refreshes and rolls back any index behind an alias
    postgres/           connections, statements, transactions, locks, and writing only what differs

Imports point one way: runner -> jobs -> search -> postgres. Of these, only the catalogue imports index_definitions.
"""
