"""Mail and Slack through Airflow connections. A channel exists where its connection does; none is no error.

``photo_smtp`` (type ``smtp``): the server, and in its extra ``from_email`` and ``to``, addresses with commas between.
``photo_slack`` (type ``slackwebhook``): an incoming webhook.
"""

import html
import logging
from collections.abc import Callable
from types import MappingProxyType

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from photo_pipeline.domain.notices import Message, NoticeUndeliverableError, one_line

SMTP = "photo_smtp"
SLACK = "photo_slack"

logger = logging.getLogger(__name__)


class AirflowMessenger:
    """The ``Messenger`` port. One channel that takes the message is enough: the others are said in the log."""

    def send(self, message: Message) -> None:
        """See the port. What is told is in the log too, so that it is somewhere even without a channel."""
        logger.warning("notice %s | %s", message.subject, " | ".join(message.lines))
        told, failures = 0, []
        for name, send in CHANNELS.items():
            connection = _connection(name)
            if connection is None:
                continue
            try:
                send(connection, message)
            except Exception as error:  # noqa: BLE001 - whatever a mail server or a webhook does, the next one is tried
                failures.append(one_line(f"{name}: {type(error).__name__}: {error}"))
                logger.warning("notice not sent by %s", failures[-1])
            else:
                told += 1
        if failures and not told:
            raise NoticeUndeliverableError(failures)


def _connection(name: str) -> Connection | None:
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None


def _mail(connection: Connection, message: Message) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    recipients = connection.extra_dejson.get("to")
    if not recipients:
        raise NoticeUndeliverableError([f"connection {SMTP} has no 'to' in its extra"])
    body = "".join(f"<p>{html.escape(line)}</p>" for line in message.lines)
    with SmtpHook(smtp_conn_id=SMTP) as hook:
        hook.send_email_smtp(to=recipients, subject=message.subject, html_content=body)


def _slack(_connection: Connection, message: Message) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    text = "\n".join([f"*{_escaped(message.subject)}*", *(f"• {_escaped(line)}" for line in message.lines)])
    SlackWebhookHook(slack_webhook_conn_id=SLACK, timeout=10).send_text(text)


def _escaped(text: str) -> str:
    """As Slack wants control characters (docs.slack.dev, "Formatting message text")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


CHANNELS = MappingProxyType[str, Callable[[Connection, Message], None]]({SMTP: _mail, SLACK: _slack})
