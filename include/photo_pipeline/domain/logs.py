"""Which log a position belongs to: what the ledger knows of logs, held against what Kafka has.

A topic that was made anew has another id: it is another log, with offsets, slices and records of its own. A log whose
end lies below where it was has lost records: nothing of it is read until somebody has decided. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.photo import Log, Receipt, TopicPartition

Marks = Mapping[TopicPartition, Watermarks]

CLOCKS_DIFFER = timedelta(minutes=10)
"""Kafka's clock says when a photo was accepted, the database's when a log was seen; more they must not differ."""


class LogState(StrEnum):
    """Where a log stands."""

    CURRENT = "current"
    CUT = "cut"
    """Kafka's end of it was below what it had been: a log was cut, and may have grown again."""
    ENDED = "ended"
    """Kafka has another log of that name, or an operator has given this one up."""


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log as the ledger has it.

    Attributes:
        log: which.
        state: where it stands.
        first_offset: where reading began.
        next_offset: where it goes on; everything below has its outcome.
        kafka_end: how far Kafka was ever seen to reach; ``None`` where that is not known.
        seen_at: when Kafka was last seen to have it.
        troubled_at: when it was first seen to be cut or ended.
        settled_at: when an operator gave up what was never read of it.
    """

    log: Log
    state: LogState
    first_offset: int
    next_offset: int
    kafka_end: int | None = None
    seen_at: datetime | None = None
    troubled_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def reached(self) -> int:
        """The end of what is known to have been there."""
        return max(self.next_offset, self.kafka_end or 0)

    @property
    def unread(self) -> int:
        """How many offsets are known to have been there without having been read."""
        return self.reached - self.next_offset

    @property
    def is_unsettled(self) -> bool:
        """Whether it is over, or was cut, and nobody has said what is to become of that."""
        return self.state is not LogState.CURRENT and self.settled_at is None


@dataclass(frozen=True, slots=True)
class Begins:
    """A log of which the ledger has no row yet; reading begins at ``first_offset``."""

    topic_partition: TopicPartition
    topic_id: str | None
    first_offset: int
    kafka_end: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The log is there as it should be."""

    log: Log
    topic_id: str | None
    kafka_end: int


@dataclass(frozen=True, slots=True)
class Ends:
    """Kafka has another log in its place."""

    log: Log


@dataclass(frozen=True, slots=True)
class IsCut:
    """Kafka's end of it is below what it was."""

    log: Log
    kafka_end: int


@dataclass(frozen=True, slots=True)
class Returns:
    """A log that was taken for ended is there again, as after a wrong address of Kafka."""

    log: Log


LogChange = Begins | Seen | Ends | IsCut | Returns


class Problem(StrEnum):
    """What is wrong with a log, for programs."""

    MADE_ANEW = "made_anew"
    CUT = "cut"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class LogTrouble:
    """A log with which something is wrong that only an operator can settle.

    Attributes:
        log: which.
        problem: for programs.
        text: one clause for an operator, with what to do.
        next_offset: everything below has its outcome.
        unread: how many records are known to wait in it, or to be lost with it.
    """

    log: Log
    problem: Problem
    text: str
    next_offset: int
    unread: int


def changes(known: Sequence[KnownLog], marks: Marks) -> Iterator[LogChange]:
    """What the ledger has to note, in this order. ``known`` was read before ``marks``: progress only grows.

    A topic that Kafka does not have at all changes nothing: it may come back, or another in its place.
    """
    topic_ids = {where.topic: found.topic_id for where, found in marks.items()}
    for each in known:
        if each.state is not LogState.ENDED and not each.log.may_be(topic_ids.get(each.log.topic)):
            yield Ends(each.log)
    for where, found in sorted(marks.items()):
        change = _change_of([each for each in known if each.log.topic_partition == where], where, found)
        yield change
        if isinstance(change, Returns) and found.high < _row_of(change.log, known).reached:
            yield IsCut(change.log, found.high)  # it came back from a copy that is older than what was seen


def _row_of(log: Log, known: Iterable[KnownLog]) -> KnownLog:
    return next(each for each in known if each.log == log)


def _change_of(known: Sequence[KnownLog], where: TopicPartition, found: Watermarks) -> LogChange:
    standing = _standing(known, found)
    if standing is None:
        return _next_log(known, where, found)
    if standing.state is LogState.CURRENT and found.high < standing.reached:
        return IsCut(standing.log, found.high)
    return Seen(standing.log, found.topic_id, found.high)


def _standing(known: Iterable[KnownLog], found: Watermarks) -> KnownLog | None:
    """The log that Kafka has there, where the ledger takes it for the one that is there."""
    open_ = (each for each in known if each.state is not LogState.ENDED)
    return next((each for each in open_ if each.log.may_be(found.topic_id)), None)


def _next_log(known: Sequence[KnownLog], where: TopicPartition, found: Watermarks) -> LogChange:
    namesakes = [each for each in known if found.topic_id is not None and each.log.topic_id == found.topic_id]
    for each in namesakes:
        if each.is_unsettled:
            return Returns(each.log)
    # A topic made anew was empty at first: what it has lost since was promised to somebody, and is told as lost.
    first = 0 if known and not namesakes else found.low
    return Begins(where, found.topic_id, first, found.high)


def positions(known: Sequence[KnownLog], marks: Marks) -> Mapping[TopicPartition, int]:
    """Where reading goes on in each partition that Kafka has; those of which nothing may be read are left out."""
    found: dict[TopicPartition, int] = {}
    for where, marks_there in marks.items():
        here = [each for each in known if each.log.topic_partition == where]
        change = _change_of(here, where, marks_there)
        if isinstance(change, Begins):
            found[where] = change.first_offset
        elif isinstance(change, Seen | Returns):
            row = _row_of(change.log, here)
            if row.state is not LogState.CUT and row.reached <= marks_there.high:
                found[where] = row.next_offset
    return found


def troubles(known: Sequence[KnownLog], marks: Marks | None) -> list[LogTrouble]:
    """All that is wrong with logs: what the ledger has noted, and what it will. ``None``: Kafka does not answer."""
    found = [_noted(each) for each in known if each.is_unsettled]
    if marks is not None:
        current = [each for each in known if each.state is LogState.CURRENT]
        topics = {where.topic for where in marks}
        found += [_missing(each) for each in current if each.log.topic not in topics]
        noticed = {change.log: change for change in changes(current, marks) if isinstance(change, Ends | IsCut)}
        found += [_noticed(each, noticed[each.log]) for each in current if each.log in noticed]
    return sorted(found, key=lambda trouble: trouble.log)


SETTLE = "see photo_settle_log"


def _noted(each: KnownLog) -> LogTrouble:
    since = "" if each.troubled_at is None else f" by {each.troubled_at:%Y-%m-%d %H:%M} UTC"
    if each.state is LogState.CUT:
        text = f"was cut{since}, nothing of it is read any more: {_lost(each)}: {SETTLE}"
        return LogTrouble(each.log, Problem.CUT, text, each.next_offset, each.unread)
    text = f"was made anew{since}: {_lost(each)}: {SETTLE}"
    return LogTrouble(each.log, Problem.MADE_ANEW, text, each.next_offset, each.unread)


def _noticed(each: KnownLog, change: Ends | IsCut) -> LogTrouble:
    if isinstance(change, IsCut):
        text = f"ends at {change.kafka_end}, but it reached {each.reached}: it was cut, nothing of it is read: {SETTLE}"
        return LogTrouble(each.log, Problem.CUT, text, each.next_offset, each.unread)
    text = f"was made anew: {_lost(each)}; the next plan reads the new one from its beginning: {SETTLE}"
    return LogTrouble(each.log, Problem.MADE_ANEW, text, each.next_offset, each.unread)


def _missing(each: KnownLog) -> LogTrouble:
    text = f"is not there: Kafka has no such topic, {_lost(each)}. Bring it back, or run platform_setup"
    return LogTrouble(each.log, Problem.MISSING, text, each.next_offset, each.unread)


def _lost(each: KnownLog) -> str:
    seen = "" if each.seen_at is None else f" at {each.seen_at:%Y-%m-%d %H:%M} UTC"
    if each.unread:
        return f"[{each.next_offset}, {each.reached}) and whatever came after that{seen} was never read"
    return f"all up to {each.reached} was read, what came after that{seen} was not"


def may_lie_in(receipt: Receipt, known: Sequence[KnownLog]) -> list[KnownLog]:
    """The logs in which the record of this receipt can lie.

    By the topic's id where the receipt has it, and by the time of its acceptance: receipts of older versions have none.
    """
    here = sorted(
        (each for each in known if each.log.topic_partition == receipt.coordinates.topic_partition),
        key=lambda each: each.log,
    )
    return [
        each
        for earlier, each in zip([None, *here], here, strict=False)
        if each.log.may_be(receipt.coordinates.topic_id) and _in_its_time(receipt, each, earlier)
    ]


def lost_at(unread: Sequence[KnownLog]) -> datetime | None:
    """When what was not read of these logs was given up, all of it; ``None`` while some of it may still be read."""
    settled = [each.settled_at for each in unread if each.settled_at is not None]
    return max(settled) if settled and len(settled) == len(unread) else None


def lost_unseen(receipt: Receipt, known: Sequence[KnownLog]) -> datetime | None:
    """When the photo was given up with a log that no plan has ever seen: made anew, and made anew again.

    Its topic's id is none that is known, and Kafka has had another since. It was given up with the log before it.
    """
    topic_partition, topic_id = receipt.coordinates.topic_partition, receipt.coordinates.topic_id
    here = sorted((each for each in known if each.log.topic_partition == topic_partition), key=lambda each: each.log)
    if any(each.log.may_be(topic_id) for each in here):
        return None
    seen = [(each.seen_at, each.settled_at) for each in here if each.seen_at is not None]
    before = [settled_at for seen_at, settled_at in seen if seen_at <= receipt.accepted_at + CLOCKS_DIFFER]
    return before[-1] if 0 < len(before) < len(seen) else None


def _in_its_time(receipt: Receipt, each: KnownLog, earlier: KnownLog | None) -> bool:
    """Whether the photo can have been accepted between the end of the earlier log and that of this one."""
    if each.troubled_at is not None and receipt.accepted_at > each.troubled_at + CLOCKS_DIFFER:
        return False
    begun = None if earlier is None else earlier.seen_at
    return begun is None or receipt.accepted_at >= begun - CLOCKS_DIFFER
