"""What takes mail to customers."""

from typing import Protocol

from photo_pipeline.domain.mail import Mail


class Mailer(Protocol):
    """A mail server that sends what it is given."""

    def send(self, mail: Mail) -> None:
        """Give a mail to the server. It blocks until the server has taken it.

        Raises:
            ServerUnavailableError: when it did not, and may later.
            MailRefusedError: when it never will.
        """
        ...
