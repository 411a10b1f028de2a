"""Where a message goes: to Slack, and to the notifiers that the deployment has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_airflow.messages import notifiers, slack

if TYPE_CHECKING:
    from sync_airflow.messages.texts import Message


def send(message: Message) -> None:
    """Send it everywhere. Never raises."""
    slack.send(message.slack)
    notifiers.send(message)
