"""Messages to the channel: when they are sent, what they say, and how Slack gets them.

Must not import sync_airflow.tasks or sync_airflow.dags.
"""
