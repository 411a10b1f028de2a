"""Messages to a Slack channel, by the Airflow connection slack_default (type "Slack API").

    password              token of a Slack app that may write to the channel (chat:write)
    extra: channel        where messages go, as in {"channel": "#tis-sync"}
    extra: timeout        seconds until a message is given up (default 3)
    extra: base_url, proxy   another address of Slack's API, a proxy on the way

Without the connection no message is sent. A message that cannot be sent is a line in the log and nothing more.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from airflow.sdk import Connection

SLACK = "slack_default"

# A job waits for its message to be taken at most so long, or twice that if Slack cannot be connected to.
TIMEOUT_SECONDS = 3

log = logging.getLogger(__name__)

# The client calls each failed attempt an error, in the log of a job that goes well; the outcome is told below.
client_log = logging.getLogger(f"{__name__}.client")
client_log.setLevel(logging.CRITICAL)


def send(text: str) -> None:
    """Post a text in Slack's markup to the channel. Never raises, and never takes long."""
    from airflow.sdk import Connection  # noqa: PLC0415

    try:
        try:
            connection = Connection.get(SLACK)
        except AirflowNotFoundException:
            say_that_it_is_off()
        else:
            _post(connection, text)
    except Exception as error:  # whatever it is, no job may fail by it
        log.warning("A message could not be sent to Slack: %s: %s", type(error).__name__, " ".join(str(error).split()))


@cache
def say_that_it_is_off() -> None:
    """Once in each process."""
    log.info("There is no connection %s: no messages are sent to Slack.", SLACK)


def _post(connection: Connection, text: str) -> None:
    # Imported here: it brings Slack's client, which nobody needs who has no connection.
    from airflow.providers.slack.hooks.slack import SlackHook  # noqa: PLC0415

    extra = connection.extra_dejson
    if not extra.get("channel"):
        raise ValueError(f'the extra of connection {SLACK} names no channel, as in {{"channel": "#tis-sync"}}')
    timeout = int(extra.get("timeout") or TIMEOUT_SECONDS)
    hook = SlackHook(slack_conn_id=SLACK, timeout=timeout, logger=client_log)
    hook.call("chat.postMessage", json={"channel": extra["channel"], "text": text})
