"""The tasks of the DAGs.

    sync_operator, job_operator        run a job and return its report
    sensors, triggers                  wait for the upstream jobs of the same night
    follow_on_jobs, missing_runs       start another run: the next job; the run that Airflow does not create
    conditional_task                   tasks that the job skips in a run where they have no work
    recovery, recovery_summary         run all jobs in order, and say how it went
    night_of_tasks                     the verdict on a night from what a task can know
    past_successes, night_memory       what earlier runs have done; the nights that a job has done
    run_parameters, failure            refuse wrong parameters; fail with a reason

May import sync_airflow.messages, but not sync_airflow.dags.
"""
