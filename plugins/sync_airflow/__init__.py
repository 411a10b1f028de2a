"""The glue between Airflow and the jobs.

    dags/      the DAGs: of the jobs, recovery, the alarm and the rollback of an index
    tasks/     the operators, sensors and triggers of those DAGs
    messages/  the messages to the channel
    monitoring/  metrics and spans
    restart/   recovery after a restart of the scheduler
    night/     the verdict on a night, and the state of each job in it
    night_rules              which date a run is for, and whether its work is already done
    night_reader             reads the facts of a night from Airflow's metadata database
    search_state             the state of the search index, from Elasticsearch
    run_ids                  the ids of runs that other runs start
    task_defaults, attempts  owner, retries and time limits of all tasks; which attempt of a task is running
    dag_ids                  names of connections, DAGs, tasks and variables
    connections              PostgreSQL and Elasticsearch, opened from Airflow connections
    settings, time_window    what a deployment can set
    migration                the commands of the migration from the service that is replaced

Imports point one way: dags -> tasks -> messages; restart is independent of them. May import sync_jobs; must not import
sync_page or local.
"""
