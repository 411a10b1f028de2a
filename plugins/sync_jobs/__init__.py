"""The jobs: plain Python, independent of Airflow.

    catalogue                     the table of jobs
    parameters, parameter_names   the table of run parameters
    runner, job_run               one run of a job, after a check of its parameters
    run_dates, guard_rail         which dates a run covers; the limits that stop it
    report                        what a run returns
    errors, error_translation     the errors of a run; errors of the clients are translated into these
    batches                       a stream in batches
    code_version                  which code built an index
    readiness, parity, hand_back  the migration: what the servers lack, what the jobs would change, and the way back
    jobs/               one module per job
    index_definitions/  one definition per search index
    search/             builds, verifies, refreshes and rolls back any index behind an alias
    postgres/           connections, statements, transactions, locks, and writing only what differs

Imports point one way: runner -> jobs -> search -> postgres. Of these, only the catalogue imports index_definitions.
"""
