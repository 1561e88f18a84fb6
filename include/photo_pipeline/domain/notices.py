"""What people are told by mail or chat: once of each thing that is wrong, of lateness once more when it is over."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from photo_pipeline.domain.errors import PhotoPipelineError

LONGEST = 400
"""Characters of one thing's description: a message is to be read on a telephone."""
SHOWN = 20
"""How many things a message describes; the rest are counted."""
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


class NoticeUndeliverableError(PhotoPipelineError):
    """Somebody was to be told, and nobody could be."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(f"nobody could be told: {'; '.join(reasons)}")


class NoticeKind(StrEnum):
    """Why somebody is told."""

    FAILURE = "failure"
    LATENESS = "lateness"
    DISCREPANCY = "discrepancy"

    @property
    def word(self) -> str:
        """How a message about it begins."""
        return {"failure": "failed", "lateness": "late", "discrepancy": "discrepancy"}[self.value]


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now.

    Attributes:
        subject: what it is, the same whenever it is seen: by this it is known whether anybody was told.
        summary: one line for people: what, where, and where to look.
    """

    subject: str
    summary: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A condition that somebody is still to be told of, or of whose end."""

    notice_id: int
    kind: NoticeKind
    summary: str
    opened_at: datetime
    over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One mail, or one line of a chat with its details."""

    subject: str
    lines: tuple[str, ...]


def one_line(text: str) -> str:
    """The text without line breaks, log-ins of URLs and whatever is too long."""
    flat = CREDENTIALS.sub("***@", " ".join(text.split()))
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"


def compose(notices: Sequence[Notice]) -> Message:
    """One message for all that there is to tell at a time; there is at least one notice."""
    begun = [notice for notice in notices if notice.over_at is None]
    over = [notice for notice in notices if notice.over_at is not None]
    lines = [one_line(notice.summary) for notice in begun]
    lines += [f"over since {notice.over_at:%Y-%m-%d %H:%M} UTC: {one_line(notice.summary)}" for notice in over]
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"and {len(lines) - SHOWN} more: see the table notice"]
    first = notices[0]
    word = f"{first.kind.word}, over" if not begun else first.kind.word
    count = f"{len(notices)} times " if len(notices) > 1 else ""
    return Message(f"[photos] {count}{word}: {one_line(first.summary).partition('. See ')[0][:120]}", tuple(lines))


def shape(problem: str) -> str:
    """A problem without its figures, which differ whenever it is looked at."""
    return re.sub(r"\d+", "#", problem)
