"""The glue between Airflow and the jobs.

    dags/      the DAGs: of the jobs, recovery, the alarm and the rollback of an index
    tasks/     the operators, sensors and triggers of those DAGs
    messages/  what the channel is told
    restart/   recovery after a restart of the scheduler
    night_rules, task_defaults, connections, settings

Imports point one way: dags -> tasks -> messages; restart stands beside them. May import sync_jobs; must not import
sync_page or local.
"""
