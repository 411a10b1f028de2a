"""Messages to the channel: when they are sent, their texts, and how they reach Slack and other notifiers.

Must not import sync_airflow.tasks or sync_airflow.dags.
"""
