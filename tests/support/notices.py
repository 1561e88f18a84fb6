"""A mail server and a Slack webhook of a test's own, and the Airflow connections that lead there."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST = "127.0.0.1"
PATIENCE_SECONDS = 30.0
PASSWORD = "correct horse battery staple"
TOKEN = "T000/B000/a-slack-token"


@dataclass
class Inbox:
    """What was received, and what to answer."""

    mails: list[EmailMessage] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    refuse_mail: bool = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail, as aiosmtpd hands it over."""
        if self.refuse_mail:
            return "451 not now"
        parsed = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type] # bytes it is: decode_data is off
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 taken"

    @property
    def subjects(self) -> list[str]:
        """The mails' subjects, in their order."""
        return [str(mail["Subject"]).replace("\n", "") for mail in self.mails]

    @property
    def bodies(self) -> list[str]:
        """The mails' texts, in their order."""
        return [
            part.get_content() for mail in self.mails for part in mail.walk() if part.get_content_type() == "text/html"
        ]


@dataclass(frozen=True)
class Post:
    """Where notices go in this test."""

    inbox: Inbox
    smtp_port: int
    slack_port: int

    def mail_settings(self) -> dict[str, str]:
        """The environment variables that have the upload API send its mail here."""
        return {
            "PHOTO_MAIL_HOST": HOST,
            "PHOTO_MAIL_PORT": str(self.smtp_port),
            "PHOTO_MAIL_SECURITY": "none",
            "PHOTO_MAIL_SENDER": "photos@example.org",
        }

    def link_for(self, recipient: str) -> str:
        """The link in the newest mail to somebody that has one, which is waited for."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            texts = [mail.get_content() for mail in reversed(self.inbox.mails) if mail["To"] == recipient]
            links = [link for text in texts for link in re.findall(r"^http\S+#token=\S+", text, re.MULTILINE)]
            if links:
                return links[0].strip()
            time.sleep(0.05)
        raise AssertionError(f"no mail with a link has come to {recipient}")

    def connections(self, *, slack: bool = True) -> dict[str, str]:
        """The environment variables that make the two connections."""
        smtp = {
            "conn_type": "smtp",
            "host": HOST,
            "port": self.smtp_port,
            "login": "photos",
            "password": PASSWORD,
            "extra": {
                "disable_ssl": True,
                "disable_tls": True,
                "retry_limit": 0,
                "from_email": "photos@example.org",
                "to": "data@example.org",
            },
        }
        hook = {"conn_type": "slackwebhook", "host": f"http://{HOST}:{self.slack_port}", "password": TOKEN}
        given = {"AIRFLOW_CONN_PHOTO_SMTP": json.dumps(smtp)}
        return given | ({"AIRFLOW_CONN_PHOTO_SLACK": json.dumps(hook)} if slack else {})


@contextmanager
def post_office(**mail_options: Any) -> Iterator[Post]:
    """Both servers, while the context lasts; the options are aiosmtpd's."""
    inbox = Inbox()
    port = _free_port()
    options = {"auth_require_tls": False, **mail_options}
    mail = Controller(inbox, hostname=HOST, port=port, authenticator=_authenticate, **options)
    slack = ThreadingHTTPServer((HOST, 0), _webhook(inbox))
    thread = threading.Thread(target=slack.serve_forever, daemon=True)
    thread.start()
    mail.start()
    try:
        yield Post(inbox, port, slack.server_address[1])
    finally:
        mail.stop()
        slack.shutdown()
        slack.server_close()
        thread.join()


def _free_port() -> int:
    """Aiosmtpd's controller connects to the port that it was given, so that 0 will not do."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and data.login == b"photos" and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False)


def _webhook(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path != f"/{TOKEN}":
                self.send_error(404)
                return
            inbox.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Webhook
