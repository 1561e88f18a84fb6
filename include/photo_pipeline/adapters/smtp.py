"""Mail by SMTP, with the standard library: encrypted unless an operator says otherwise, one connection a mail."""

import ssl
from email import policy
from email.message import EmailMessage
from email.utils import make_msgid
from smtplib import (
    SMTP,
    SMTP_SSL,
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from email_validator import EmailNotValidError, validate_email

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.mail import Mail, MailRefusedError
from photo_pipeline.settings import MailSecurity, MailSettings

PERMANENT = 500
"""From here on a reply means that the same mail is not to be tried again (RFC 5321, 4.2.1)."""


class SmtpMailer:
    """The ``Mailer`` port on a mail server.

    Args:
        settings: with a host.
    """

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._host = settings.host or ""

    def send(self, mail: Mail) -> None:
        """See the port."""
        try:
            with self._connected() as server:
                server.send_message(self._message(mail))
        except SMTPRecipientsRefused as error:
            raise _judged(max(code for code, _ in error.recipients.values())) from None
        except SMTPNotSupportedError:
            raise MailRefusedError("the mail server cannot do what this mail, or its log-in, needs") from None
        except SMTPResponseException as error:
            raise _judged(error.smtp_code) from None
        except (OSError, SMTPException) as error:
            raise ServerUnavailableError("SMTP", type(error).__name__) from error

    def _connected(self) -> SMTP:
        settings, address = self._settings, (self._host, self._settings.port)
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.security is MailSecurity.TLS:
            server: SMTP = SMTP_SSL(*address, timeout=settings.timeout_seconds, context=context)
        else:
            server = SMTP(*address, timeout=settings.timeout_seconds)
        try:
            if settings.security is MailSecurity.STARTTLS:
                server.starttls(context=context)
            if settings.user is not None and settings.password is not None:
                server.login(settings.user, settings.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy.SMTP)
        message["From"] = self._settings.sender
        _address(message, _as_sent(mail.recipient))
        message["Subject"] = mail.subject
        message["Date"] = mail.written_at
        message["Message-ID"] = make_msgid(domain=self._settings.sender.rpartition("@")[2].rstrip("> "))
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
        message.set_content(mail.text)
        return message


def _as_sent(address: str) -> str:
    """In ASCII where that can be, which every server takes (RFC 5891); else as it is (RFC 6531)."""
    try:
        found = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        raise MailRefusedError("the address is none that mail goes to") from None
    return found.ascii_email or found.normalized


def _address(message: EmailMessage, address: str) -> None:
    """Heads may say letters in another way (RFC 2047): of ``=?x?q?eve?=@example.org`` one to ``eve`` is made."""
    try:
        message["To"] = address
        read = [each.addr_spec for each in message["To"].addresses]
    except ValueError:  # it says a line's end
        read = []
    if read != [address]:
        raise MailRefusedError("the address is read as another one in the head of a mail")


def _judged(code: int) -> MailRefusedError | ServerUnavailableError:
    if code >= PERMANENT:
        return MailRefusedError(f"the mail server answered {code}")
    return ServerUnavailableError("SMTP", f"it answered {code}")
