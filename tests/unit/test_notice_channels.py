"""Which channels a message takes: each that has a connection, and one that takes it is enough."""

from types import SimpleNamespace
from typing import Any

import pytest

from photo_pipeline.domain.notices import Message, NoticeUndeliverableError
from photo_pipeline.orchestration import notice_channels
from photo_pipeline.orchestration.notice_channels import SLACK, SMTP, AirflowMessenger

MESSAGE = Message("[photos] late: 3 photos wait", ("3 photos wait", "<b>&"))


class Channels:
    """Channels in memory: which connections exist, and which of them refuse."""

    def __init__(self, connected: set[str], refusing: set[str]) -> None:
        self.connected, self.refusing = connected, refusing
        self.sent: list[str] = []

    def connection(self, name: str) -> Any:
        """The connection, where there is one."""
        return SimpleNamespace(extra_dejson={"to": "data@example.org"}) if name in self.connected else None

    def sender(self, name: str) -> Any:
        """What sends by this channel."""

        def send(_connection: Any, _message: Message) -> None:
            if name in self.refusing:
                raise ConnectionRefusedError("smtp://user:secret@mail.example.org refuses")
            self.sent.append(name)

        return send


def told(monkeypatch: pytest.MonkeyPatch, connected: set[str], refusing: set[str]) -> list[str]:
    """The channels that took the message."""
    channels = Channels(connected, refusing)
    monkeypatch.setattr(notice_channels, "_connection", channels.connection)
    monkeypatch.setattr(notice_channels, "CHANNELS", {name: channels.sender(name) for name in (SMTP, SLACK)})
    AirflowMessenger().send(MESSAGE)
    return channels.sent


@pytest.mark.parametrize(
    ("connected", "refusing", "sent"),
    [
        (set(), set(), []),
        ({SMTP}, set(), [SMTP]),
        ({SMTP, SLACK}, set(), [SMTP, SLACK]),
        ({SMTP, SLACK}, {SMTP}, [SLACK]),
        ({SMTP, SLACK}, {SLACK}, [SMTP]),
    ],
)
def test_each_connected_channel_is_used(
    monkeypatch: pytest.MonkeyPatch, connected: set[str], refusing: set[str], sent: list[str]
) -> None:
    """None is no error; one that refuses does not keep the message from the other."""
    assert told(monkeypatch, connected, refusing) == sent


def test_message_that_nobody_takes_is_an_error_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is told again; the reason names the channel."""
    with pytest.raises(NoticeUndeliverableError, match="photo_smtp: ConnectionRefusedError") as caught:
        told(monkeypatch, {SMTP}, {SMTP})
    assert "secret" not in str(caught.value)


def test_mail_without_recipients_names_the_fix() -> None:
    """A connection that somebody made in the UI and left without ``to``."""
    with pytest.raises(NoticeUndeliverableError, match="connection photo_smtp has no 'to' in its extra"):
        notice_channels._mail(SimpleNamespace(extra_dejson={}), MESSAGE)  # type: ignore[arg-type] # as much of it as is read


def test_chat_takes_text_and_no_markup() -> None:
    """What others wrote cannot mention everybody or make a link."""
    assert notice_channels._escaped("<!channel> & <https://x|y>") == "&lt;!channel&gt; &amp; &lt;https://x|y&gt;"
