"""The tasks of the DAGs.

    sync_operator, job_operator        run a job and return its report
    sensors, triggers                  wait for the upstream jobs of the same night
    follow_on_jobs, missing_runs       start another run: the next job; the run that Airflow does not create
    recovery, recovery_summary         run all jobs in order, and say how it went
    past_successes                     what earlier runs have done
    run_parameters, failure            refuse wrong parameters; fail with a reason

May import sync_airflow.messages, but not sync_airflow.dags.
"""
