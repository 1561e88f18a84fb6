"""Telling people: at least once, and no more than once while nothing changes.

What is wrong is remembered first, then told, then marked as told. A task that dies in between tells it again, rather
than never. Whoever cannot be reached is tried again by the next run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from photo_pipeline.domain.notices import Condition, NoticeKind, compose
from photo_pipeline.ports.notices import Messenger, NoticeBook

FOREVER = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class NoticeLimits:
    """When something that was told is told again.

    Attributes:
        failure_again: a task that goes on failing.
        discrepancy_again: a discrepancy that was gone for so long. At least a rotation of the reconciliation, which
            looks at old things that seldom.
    """

    failure_again: timedelta
    discrepancy_again: timedelta


def tell_failure(condition: Condition, book: NoticeBook, messenger: Messenger, limits: NoticeLimits) -> int:
    """Tell that a task has failed for good; how many notices went out."""
    book.forget(NoticeKind.FAILURE, limits.failure_again, FOREVER)
    return _note_and_tell(NoticeKind.FAILURE, [condition], book, messenger)


def tell_discrepancies(
    conditions: Sequence[Condition], book: NoticeBook, messenger: Messenger, limits: NoticeLimits
) -> int:
    """Tell what the reconciliation has found and did not find before; how many notices went out."""
    book.forget(NoticeKind.DISCREPANCY, FOREVER, limits.discrepancy_again)
    return _note_and_tell(NoticeKind.DISCREPANCY, conditions, book, messenger)


def tell_lateness(conditions: Sequence[Condition], book: NoticeBook, messenger: Messenger) -> int:
    """Tell what is late by now, and what no longer is; how many notices went out. ``conditions`` is all that is."""
    book.end_others(NoticeKind.LATENESS, conditions)
    return _note_and_tell(NoticeKind.LATENESS, conditions, book, messenger)


def _note_and_tell(kind: NoticeKind, conditions: Sequence[Condition], book: NoticeBook, messenger: Messenger) -> int:
    book.note(kind, conditions)
    with book.untold(kind) as notices:
        if notices:
            messenger.send(compose(notices))
        return len(notices)
