"""Messages by any notifier of Airflow, such as e-mail, chosen by a setting of the deployment.

    [tis_sync]
    notifiers = [{
        "notifier": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
        "arguments": {"to": "team@example.org", "subject": "TIS sync: {{ subject }}", "html_content": "{{ html }}"},
        "messages": "urgent"
      }]

    notifier      the class, a subclass of airflow.sdk.BaseNotifier
    arguments     of the class; its template fields may have {{ subject }}, {{ message }}, {{ html }} and {{ urgent }}
    messages      "urgent" (default): those that notify the whole channel in Slack; or "all"

The templates see nothing else, above all not the error of a task, whose text might contain data of persons. A message
that cannot be sent is logged as a warning and has no other effect.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.sdk import BaseNotifier

from sync_airflow.settings import NOTIFIERS, SECTION, variable

if TYPE_CHECKING:
    from sync_airflow.messages.texts import Message

URGENT, ALL = "urgent", "all"
KEYS = {"notifier", "arguments", "messages"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChosenNotifier:
    """One entry of the setting. path: of the class."""

    path: str
    arguments: dict[str, Any] = field(default_factory=dict)
    messages: str = URGENT

    def create(self) -> BaseNotifier:
        """A new notifier. Raises what its import and its class raise, and TypeError for another class."""
        notifier = resolve_name(self.path)
        if not (isinstance(notifier, type) and issubclass(notifier, BaseNotifier)):
            raise TypeError(f"{self.path} is not a notifier of Airflow")
        return notifier(**self.arguments)


def chosen_notifiers() -> list[ChosenNotifier]:
    """Those of the setting. Raises ValueError, which names the setting and what is expected."""
    text = conf.get(SECTION, NOTIFIERS, fallback="").strip()
    if not text:
        return []
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{variable(NOTIFIERS)}: expected a JSON list: {error}") from None
    if not isinstance(entries, list):
        raise ValueError(f"{variable(NOTIFIERS)}: expected a JSON list of objects")
    return [_chosen(entry) for entry in entries]


def _chosen(entry: Any) -> ChosenNotifier:
    valid = (
        isinstance(entry, dict)
        and set(entry) <= KEYS
        and isinstance(entry.get("notifier"), str)
        and isinstance(entry.get("arguments", {}), dict)
        and entry.get("messages", URGENT) in (URGENT, ALL)
    )
    if not valid:
        raise ValueError(
            f"{variable(NOTIFIERS)}: expected each entry to have notifier (the path of a class), and perhaps arguments "
            f'(an object) and messages ("{URGENT}" or "{ALL}")'
        )
    return ChosenNotifier(entry["notifier"], entry.get("arguments", {}), entry.get("messages", URGENT))


def problems() -> list[str]:
    """What is wrong with the setting, for the log of a process that starts; empty if all notifiers can be made."""
    try:
        chosen = chosen_notifiers()
    except ValueError as error:
        return [f"{error}. No message is sent by a notifier."]
    found = []
    for each in chosen:
        try:
            each.create()
        except Exception as error:  # of any class, which an operator has named
            found.append(f"{variable(NOTIFIERS)}: {each.path} cannot be used: {_in_words(error)}")
    return found


def send(message: Message) -> None:
    """Send a message by every chosen notifier that wants it. Never raises."""
    try:
        chosen = chosen_notifiers()
    except ValueError as error:
        log.warning("A message could not be sent: %s", error)
        return
    for each in chosen:
        if message.urgent or each.messages == ALL:
            _send(each, message)


def _send(chosen: ChosenNotifier, message: Message) -> None:
    context: Any = {
        "subject": message.subject,
        "message": message.plain,
        "html": message.html,
        "urgent": message.urgent,
    }
    try:
        notifier = chosen.create()
        notifier.render_template_fields(context)
        notifier.notify(context)
    except Exception as error:  # no job may fail because of a message
        log.warning("A message could not be sent by %s: %s", chosen.path, _in_words(error))


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
