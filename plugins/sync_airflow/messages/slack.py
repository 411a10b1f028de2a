"""Messages to a Slack channel, by the Airflow connection slack_default (type "Slack API").

    password              token of a Slack app that may write to the channel (chat:write)
    extra: channel        where messages go, as in {"channel": "#tis-sync"}
    extra: timeout        seconds to wait for Slack (default 3)
    extra: base_url, proxy   another address of Slack's API, a proxy

Without the connection no message is sent. A message that cannot be sent is logged as a warning and has no other effect.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from airflow.sdk import Connection

SLACK = "slack_default"

# A job waits at most this long for Slack, or twice as long if no connection can be made.
TIMEOUT_SECONDS = 3

log = logging.getLogger(__name__)

# The client logs each failed attempt as an error, even in the log of a successful job. send() logs the outcome.
client_log = logging.getLogger(f"{__name__}.client")
client_log.setLevel(logging.CRITICAL)


def send(text: str) -> None:
    """Post a text in Slack's markup to the channel. Never raises, and takes seconds at most."""
    from airflow.sdk import Connection  # noqa: PLC0415

    try:
        try:
            connection = Connection.get(SLACK)
        except AirflowNotFoundException:
            log_that_messages_are_off()
        else:
            _post(connection, text)
    except Exception as error:  # no job may fail because of a message
        log.warning("A message could not be sent to Slack: %s: %s", type(error).__name__, " ".join(str(error).split()))


@cache
def log_that_messages_are_off() -> None:
    """Logged once per process."""
    log.info("The connection %s does not exist: no messages are sent to Slack.", SLACK)


def _post(connection: Connection, text: str) -> None:
    # Imported here: it imports Slack's client, which is not needed without a connection.
    from airflow.providers.slack.hooks.slack import SlackHook  # noqa: PLC0415

    extra = connection.extra_dejson
    if not extra.get("channel"):
        raise ValueError(f'the extra of connection {SLACK} does not name a channel, as in {{"channel": "#tis-sync"}}')
    timeout = int(extra.get("timeout") or TIMEOUT_SECONDS)
    hook = SlackHook(slack_conn_id=SLACK, timeout=timeout, logger=client_log)
    hook.call("chat.postMessage", json={"channel": extra["channel"], "text": text})
