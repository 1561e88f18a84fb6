"""How much one run may remove for good, and by what its age is known.

A shard's age has two witnesses: the database, which stamped its commit, and the machine that stamped what lies in it
(the NameNode its file, Kafka the youngest of its photos). The younger of the two counts. And what a run removes has to
be what has come due since the last one: a clock that all machines believe in can still be wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from photo_pipeline.domain.clocks import duration
from photo_pipeline.domain.errors import MassRemovalError
from photo_pipeline.domain.retention import ClaimedShard, RetentionPolicy


class Removal(StrEnum):
    """What is removed for good, as it stands in the record and in an operator's permit."""

    SHARDS = "shards"
    RECORDS = "rejected records"
    FILES = "files"
    AGES = "ages"
    """Not a removal: shards whose file, or photos, are said to be younger than their row says."""
    ENTRIES = "outbox entries"
    MONTHS = "ledger months"
    PHOTOS = "expired photos"


@dataclass(frozen=True, slots=True)
class ShardStamps:
    """A shard that is to be marked, and when it came to be by each clock that says so.

    Attributes:
        shard_id: the shard.
        path: its file.
        is_first: whether its file was written for its commit; a copy's file is younger than what is in it.
        committed_at: the database's time of the commit.
        accepted_at: Kafka's time of the youngest photo in it; ``None`` where no photo is left in it.
    """

    shard_id: int
    path: str
    is_first: bool
    committed_at: datetime
    accepted_at: datetime | None

    def kept_until(self, second: datetime | None, now: datetime, policy: RetentionPolicy) -> datetime:
        """When it may go. A second witness from the future says nothing."""
        if second is None or second > now + policy.tolerance:
            return self.committed_at + policy.lifetime
        return max(self.committed_at, second) + policy.lifetime


@dataclass(frozen=True, slots=True)
class Look:
    """A run that may remove for good, and the time on which its clocks agree."""

    run_id: int
    name: str
    now: datetime


@dataclass(frozen=True, slots=True)
class DueBy:
    """What may be removed now: its time is over by then, and it was marked by then."""

    kept_until: datetime
    marked_at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """The times at which what goes now should have come due: around the last run that left nothing over."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class DueShard:
    """A shard whose time is over, by its own row at least.

    Attributes:
        shard_id: the shard.
        path: its file.
        committed_at: its age.
        kept_until: when its time is over by the younger of its stamps.
        is_explained: whether it came due since the last run, was tried before, or is due because a hold was lifted.
    """

    shard_id: int
    path: str
    committed_at: datetime
    kept_until: datetime
    is_explained: bool


@dataclass(frozen=True, slots=True)
class ShardAges:
    """Shards in numbers.

    Attributes:
        live: all that are not removed.
        unexplained: due, never tried before, and not come due since the last run.
        waiting: due, and not marked long enough.
    """

    live: int
    unexplained: int
    waiting: int


@dataclass(frozen=True, slots=True)
class RecordAges:
    """Rejected records that are not blanked, in numbers; see ``ShardAges``."""

    live: int
    unexplained: int


@dataclass(frozen=True, slots=True)
class Profile:
    """How much of something there is, and how much of that would go for no reason that is known.

    Attributes:
        what: of what.
        live: all that is there.
        unexplained: due, and not come due since the last run.
        since: when the last run left nothing over; ``None`` where there has been none.
    """

    what: Removal
    live: int
    unexplained: int
    since: datetime | None

    def is_mass(self, most: float) -> bool:
        """Whether it is more than an outage explains."""
        return self.unexplained > most * self.live

    def too_much(self) -> MassRemovalError:
        """What to say then."""
        since = "there has been no run before"
        if self.since is not None:
            since = f"the last run was at {self.since:%Y-%m-%d %H:%M} UTC"
        return MassRemovalError(self.what, self.unexplained, self.live, since)


@dataclass(frozen=True, slots=True)
class RemovedThing:
    """A line of the record: what went, how much it was, and why."""

    what: Removal
    subject: str
    amount: int
    bytes: int
    why: str


@dataclass(frozen=True, slots=True)
class RunEnding:
    """How a run ended.

    Attributes:
        stopped: why it removed nothing; ``None`` where it did its work.
        removed_until: all that had come due by then was tried; ``None`` where some of it is left for the next run.
        summary: its figures.
    """

    stopped: str | None
    removed_until: datetime | None
    summary: Mapping[str, int]


def window_after(last: datetime | None, policy: RetentionPolicy) -> Window | None:
    """What explains that something comes due now; nothing where no run has come before."""
    return None if last is None else Window(last - policy.stride, last + policy.stride)


def most_files(policy: RetentionPolicy, files: int) -> int:
    """How many files that no shard names one run may sweep away."""
    return max(policy.few_files, int(policy.files_share * files))


def why_removed(claim: ClaimedShard) -> str:
    """What the record says of a shard."""
    kept = claim.kept_until - claim.committed_at
    return f"committed {claim.committed_at:%Y-%m-%d %H:%M} UTC and kept {duration(kept)}"
