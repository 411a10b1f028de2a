"""Messages to the channel.

    announcements    when they are sent
    texts            their texts
    slack            how they reach Slack

Must not import sync_airflow.tasks or sync_airflow.dags.
"""
