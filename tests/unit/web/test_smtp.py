"""Mail by SMTP, to a real server in this process."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.support.notices import HOST, PASSWORD, Post, post_office
from tests.support.web import NOON

from local_stack.tls import Authority
from photo_pipeline.adapters.smtp import SmtpMailer
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.mail import Mail, MailRefusedError
from photo_pipeline.settings import MailSettings

LINK = "https://photos.example.org/password#token=" + "x" * 43
MAIL = Mail("ada@example.org", "Set a new password", f"Lö\n\n{LINK}\n", NOON)


@pytest.fixture
def post() -> Iterator[Post]:
    """Give a mail server."""
    with post_office() as office:
        yield office


def settings(port: int, **more: object) -> MailSettings:
    """Settings for a server on this machine, without encryption unless a test says otherwise."""
    given = {"host": HOST, "port": port, "security": "none", "sender": "Photos <photos@example.org>", **more}
    return MailSettings.model_validate(given)


def test_a_mail_arrives_as_it_was_written(post: Post) -> None:
    """In one piece, with what mail needs; nobody's holiday answers it."""
    SmtpMailer(settings(post.smtp_port)).send(MAIL)
    [mail] = post.inbox.mails
    assert (mail["To"], mail["From"]) == ("ada@example.org", "Photos <photos@example.org>")
    assert (mail["Subject"], mail["Auto-Submitted"]) == ("Set a new password", "auto-generated")
    assert mail["Date"].datetime == NOON
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail.get_content().splitlines() == MAIL.text.splitlines()


def test_a_domain_of_other_letters_is_sent_in_ascii(post: Post) -> None:
    """Which every server takes."""
    SmtpMailer(settings(post.smtp_port)).send(Mail("ada@b\u00fccher.example", "s", "t\n", NOON))
    assert post.inbox.mails[0]["To"] == "ada@xn--bcher-kva.example"


def test_a_mail_goes_to_the_address_as_it_is_or_to_nobody(post: Post) -> None:
    """Somebody may sign up with one that the head of a mail makes another one of, or lines; others are only unusual."""
    mailer = SmtpMailer(settings(post.smtp_port))
    for name in ("=?x?q?eve?=", "=?utf-8?q?eve=40evil.example?=", "=?utf-8?q?a=0d=0abcc=3aeve?=", "=?x?q?=00?=", ""):
        with pytest.raises(MailRefusedError, match=r"^the address is "):
            mailer.send(Mail(f"{name}@example.org", "s", "t\n", NOON))
    assert post.inbox.mails == []
    unusual = ["o'hara+a=b@example.org", "{a}|~#$%&*?^_`!/@example.org", "a=?b?=@example.org"]
    for address in unusual:
        mailer.send(Mail(address, "s", "t\n", NOON))
    assert [mail["To"] for mail in post.inbox.mails] == unusual


def test_no_line_can_be_put_into_a_head(post: Post) -> None:
    """Whatever a subject holds."""
    with pytest.raises(ValueError, match=r"newline|linefeed"):
        SmtpMailer(settings(post.smtp_port)).send(Mail("ada@example.org", "s\nBcc: eve@example.org", "t\n", NOON))
    assert post.inbox.mails == []


def test_a_server_that_does_not_take_it_may_later(post: Post) -> None:
    """Told apart from one that is away only by the word."""
    post.inbox.refuse_mail = True
    with pytest.raises(ServerUnavailableError, match="451"):
        SmtpMailer(settings(post.smtp_port)).send(MAIL)
    with pytest.raises(ServerUnavailableError):
        SmtpMailer(settings(1, timeout_seconds=2)).send(MAIL)


def test_nothing_is_sent_in_the_clear_unless_that_is_wanted(post: Post) -> None:
    """A server without STARTTLS gets neither a mail nor a password."""
    secret = settings(post.smtp_port, security="starttls", user="photos", password=PASSWORD)
    with pytest.raises(MailRefusedError):
        SmtpMailer(secret).send(MAIL)
    assert post.inbox.mails == []
    with pytest.raises(ValidationError, match="in the clear"):
        settings(25, user="photos", password=PASSWORD)


def test_a_way_of_ones_own_authority_is_encrypted_and_logged_in_on(tmp_path: Path) -> None:
    """By STARTTLS: the mail is taken from the right account only, and a certificate of nobody's is refused."""
    authority = Authority(tmp_path / "ca.crt", tmp_path / "secrets")
    (tmp_path / "secrets").mkdir()
    authority.make()
    authority.issue("mail")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "secrets" / "mail.crt", tmp_path / "secrets" / "mail.key")
    secret = {"security": "starttls", "user": "photos", "password": PASSWORD}
    with post_office(tls_context=context, require_starttls=True, auth_required=True, auth_require_tls=True) as post:
        SmtpMailer(settings(post.smtp_port, ca_file=authority.ca_file, **secret)).send(MAIL)
        assert len(post.inbox.mails) == 1
        wrong = settings(post.smtp_port, ca_file=authority.ca_file, **{**secret, "password": "wrong"})
        with pytest.raises(MailRefusedError, match="535"):
            SmtpMailer(wrong).send(MAIL)
        with pytest.raises(ServerUnavailableError, match="SSL"):
            SmtpMailer(settings(post.smtp_port, **secret)).send(MAIL)
        assert len(post.inbox.mails) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"host": "mail", "sender": ""}, "PHOTO_MAIL_SENDER"),
        ({"host": "mail", "sender": "a@b.example", "user": "me"}, "go together"),
        ({"host": "mail", "sender": "a@b.example", "ca_file": __file__}, "PHOTO_MAIL_CA_FILE"),
        ({"host": "mail", "sender": "a@b.example", "security": "some"}, "security"),
    ],
)
def test_settings_that_cannot_work_are_told_at_the_start(given: dict[str, str], told: str) -> None:
    """Not to the first customer who has forgotten their password."""
    with pytest.raises(ValidationError, match=told):
        MailSettings.model_validate(given)
    assert MailSettings.model_validate({}).host is None
