"""Messages to the channel.

    announcements      when they are sent
    texts              their texts
    sending            to whom they are sent: to Slack, and to the notifiers of the settings
    slack, notifiers   how they reach Slack and other notifiers

Must not import sync_airflow.tasks or sync_airflow.dags.
"""
