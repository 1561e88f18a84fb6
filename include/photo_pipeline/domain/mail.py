"""A mail to a customer: plain text, and as little of it as is needed."""

from dataclasses import dataclass
from datetime import datetime

from photo_pipeline.domain.errors import PhotoPipelineError


class MailRefusedError(PhotoPipelineError):
    """The mail server does not take this mail, now or later. The message names no address: it is for a log."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent to one address.

    Attributes:
        recipient: the address as its customer signed up, never as somebody has just typed it.
        subject: one line.
        text: plain, with lines that are not too long.
        written_at: its date.
    """

    recipient: str
    subject: str
    text: str
    written_at: datetime
