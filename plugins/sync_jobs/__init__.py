"""The jobs: plain Python, independent of Airflow.

    catalogue, runner, job_run, run_dates, report, errors, guard_rail
    jobs/               one module per job
    index_definitions/  one definition per search index
    search/             builds, verifies, refreshes and rolls back any index behind an alias
    postgres/           connections, statements, transactions, locks, and writing only what differs

Imports point one way: runner -> jobs -> search, postgres. Only catalogue and jobs import index_definitions.
"""
