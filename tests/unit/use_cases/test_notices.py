"""Who is told what, and how often: the use case against a book in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from photo_pipeline.domain.notices import (
    Condition,
    Message,
    Notice,
    NoticeKind,
    NoticeUndeliverableError,
    compose,
    one_line,
    shape,
)
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.use_cases.notices import NoticeLimits, tell_discrepancies, tell_failure, tell_lateness

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIMITS = NoticeLimits(failure_again=timedelta(hours=6), discrepancy_again=timedelta(days=14))
MISSING = Condition("archive_shards: /a.tar: the file is missing", "archive_shards: /a.tar: the file is missing")
LATE = Condition("ingest", "3 photos wait. See docs/operations.md#photoingestlate")


@dataclass
class Row:
    """One thing that is remembered."""

    kind: NoticeKind
    condition: Condition
    opened_at: datetime
    seen_at: datetime
    told_at: datetime | None = None
    over_at: datetime | None = None
    over_told: bool = False


@dataclass
class Book:
    """The book in memory, with a clock that the test moves."""

    now: datetime = NOON
    rows: list[Row] = field(default_factory=list)

    def note(self, kind: NoticeKind, conditions: Sequence[Condition]) -> None:
        """See the port."""
        for condition in conditions:
            for row in self._open(kind):
                if row.condition.subject == condition.subject:
                    row.seen_at = self.now
                    break
            else:
                self.rows.append(Row(kind, condition, self.now, self.now))

    def end_others(self, kind: NoticeKind, conditions: Sequence[Condition]) -> None:
        """See the port."""
        for row in self._open(kind):
            if row.condition.subject not in {each.subject for each in conditions}:
                row.over_at = self.now

    def forget(self, kind: NoticeKind, told_for: timedelta, unseen_for: timedelta) -> None:
        """See the port."""
        for row in self._open(kind):
            told = row.told_at is not None and row.told_at < self.now - told_for
            if told or row.seen_at < self.now - unseen_for:
                row.over_at, row.over_told = self.now, True

    @contextmanager
    def untold(self, kind: NoticeKind) -> Iterator[Sequence[Notice]]:
        """See the port."""
        rows = [
            row
            for row in self.rows
            if row.kind is kind and not row.over_told and (row.told_at is None) == (row.over_at is None)
        ]
        yield [
            Notice(number, kind, row.condition.summary, row.opened_at, row.over_at) for number, row in enumerate(rows)
        ]
        for row in rows:
            row.told_at, row.over_told = row.told_at or self.now, row.over_at is not None

    def _open(self, kind: NoticeKind) -> list[Row]:
        return [row for row in self.rows if row.kind is kind and row.over_at is None]


@dataclass
class Ears:
    """Somebody who is told, or cannot be."""

    deaf: bool = False
    heard: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        """See the port."""
        if self.deaf:
            raise NoticeUndeliverableError(["nobody listens"])
        self.heard.append(message)


def test_discrepancy_is_told_once_however_often_it_is_found() -> None:
    """Two runs that find the same make one notice; a new discrepancy beside it makes one of its own."""
    book, ears = Book(), Ears()
    assert tell_discrepancies([MISSING], book, ears, LIMITS) == 1
    assert tell_discrepancies([MISSING], book, ears, LIMITS) == 0
    other = Condition("ledger_photos: photo 1: x", "ledger_photos: photo 1: x")
    assert tell_discrepancies([MISSING, other], book, ears, LIMITS) == 1
    assert [message.lines for message in ears.heard] == [(MISSING.summary,), (other.summary,)]


def test_discrepancy_that_is_seldom_looked_at_is_not_told_again_by_absence() -> None:
    """Old things are looked at once a week: what a run does not name may still be wrong. After two weeks it is told."""
    book, ears = Book(), Ears()
    tell_discrepancies([MISSING], book, ears, LIMITS)
    book.now += timedelta(days=8)
    assert tell_discrepancies([], book, ears, LIMITS) == 0
    assert tell_discrepancies([MISSING], book, ears, LIMITS) == 0
    book.now += timedelta(days=15)
    assert tell_discrepancies([MISSING], book, ears, LIMITS) == 1


def test_what_could_not_be_told_is_told_later() -> None:
    """An error leaves the notice untold; the next run tells it, once."""
    book, ears = Book(), Ears(deaf=True)
    with pytest.raises(NoticeUndeliverableError):
        tell_discrepancies([MISSING], book, ears, LIMITS)
    ears.deaf = False
    assert tell_discrepancies([], book, ears, LIMITS) == 1
    assert tell_discrepancies([MISSING], book, ears, LIMITS) == 0


def test_lateness_is_told_at_its_beginning_and_its_end() -> None:
    """One notice while it lasts, one when it is over, and another pair for the next time."""
    book, ears = Book(), Ears()
    for conditions in ([], [LATE], [LATE], [], [], [LATE], []):
        tell_lateness(conditions, book, ears)
    assert [message.subject for message in ears.heard] == [
        "[photos] late: 3 photos wait",
        "[photos] late, over: 3 photos wait",
    ] * 2


def test_lateness_that_nobody_heard_of_ends_in_silence() -> None:
    """Nobody is told of the end of something they were not told of."""
    book, ears = Book(), Ears(deaf=True)
    with pytest.raises(NoticeUndeliverableError):
        tell_lateness([LATE], book, ears)
    ears.deaf = False
    assert tell_lateness([], book, ears) == 0


def test_failing_task_is_told_once_in_some_hours() -> None:
    """A task that fails every two minutes is one notice, and one more after six hours."""
    book, ears = Book(), Ears()
    failed = Condition("photo_ingest.plan_slices", "it failed")
    told = 0
    for _ in range(7 * 30):
        told += tell_failure(failed, book, ears, LIMITS)
        book.now += timedelta(minutes=2)
    assert told == 2


def test_message_names_what_it_can_and_counts_the_rest() -> None:
    """A hundred findings are one message that is short enough to read."""
    notices = [Notice(number, NoticeKind.DISCREPANCY, f"finding {number}", NOON) for number in range(100)]
    message = compose(notices)
    assert message.subject == "[photos] 100 times discrepancy: finding 0"
    assert len(message.lines) == 21
    assert message.lines[-1] == "and 80 more: see the table notice"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nBcc: all@example.org\r\nb", "a Bcc: all@example.org b"),
        ("cannot reach postgresql://photo:secret@db/photos", "cannot reach postgresql://***@db/photos"),
        ("x" * 1000, "x" * 399 + "…"),
    ],
)
def test_text_of_others_cannot_do_harm(text: str, line: str) -> None:
    """No line break gets into a mail's header, no password of a URL into a chat, no page of text on a telephone."""
    assert one_line(text) == line


def test_shape_is_the_same_while_figures_change() -> None:
    """A finding that counts hours is the same finding an hour later."""
    assert shape("has waited for 121 hours of the 168") == shape("has waited for 122 hours of the 168")


def test_log_line_is_one_line_that_can_be_parsed() -> None:
    """Values with blanks, quotes or line breaks are quoted."""
    line = fields({"slice": "photos.uploaded-0 [0, 5)", "count": 5, "reason": 'a "b"\nc', "none": None})
    assert line == 'slice="photos.uploaded-0 [0, 5)" count=5 reason="a \\"b\\"\\nc" none=""'
