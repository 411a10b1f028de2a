"""The jobs: plain Python that knows nothing of Airflow.

    catalogue, runner, job_run, run_dates, report, errors, guard_rail
    jobs/               one module per job
    index_definitions/  one definition per search index
    search/             the life of an index behind an alias, whatever is in it
    postgres/           connections, statements, transactions, locks, differences applied

Imports point one way: runner -> jobs -> search, postgres. Only catalogue and jobs import index_definitions.
"""
