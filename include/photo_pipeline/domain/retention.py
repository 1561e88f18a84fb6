"""How long the archive keeps what, and which of its files nobody can need any more.

Age is counted from ``shard.committed_at``, which is the database's time, unless a second witness says that the shard is
younger (``removal``). A shard that takes photos over from another one (a hold shard, a reprocessed one) inherits its
age, so that moving a photo never makes it younger.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.ledger import ArchivedRendition
from photo_pipeline.domain.photo import LATER, Log

KEEP = timedelta(hours=168)
"""How long a photo is kept from its latest acceptance: at least this."""
LATEST = timedelta(hours=2)
"""How much longer than ``KEEP`` anything may be there, while the platform runs."""
TOLERANCE = timedelta(minutes=5)
"""How far the clocks of two machines may differ and still be said to agree."""
MARGIN = timedelta(minutes=10) + TOLERANCE
"""``committed_at`` is the time at which the transaction began; it may have ended, and been seen, ten minutes later. The
rest is for a clock that was behind by what is tolerated when it stamped the commit."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The time for which a shard stays, and what bounds a run that removes. It runs every hour.

    Attributes:
        keep: how long everything is kept at least.
        margin: how much longer, because no stamp is exact.
        wait: how long after a run has marked something another one may remove it.
        mark_ahead: how long before its time a shard is marked. Two runs that are up to 40 minutes late fit into this
            and ``wait``, so that marking first makes nothing late.
        tolerance: how far clocks may differ.
        stride: what comes due so long before or after the last run is what that run left for this one.
        most_share: of all that is there, more than this share is never due because of an outage.
        share_per_run: how much of all that is there goes in one run, after an outage, until that is caught up.
        few_files: files without a shard that may always be swept away.
        files_share: of all files, how many may be.
        keep_ledger: how long records are kept at least, and an expired photo's row from its last acceptance on.
    """

    keep: timedelta = KEEP
    margin: timedelta = MARGIN
    wait: timedelta = timedelta(hours=1)
    mark_ahead: timedelta = timedelta(hours=3)
    tolerance: timedelta = TOLERANCE
    stride: timedelta = timedelta(hours=3)
    most_share: float = 0.5
    share_per_run: float = 0.1
    few_files: int = 5
    files_share: float = 0.05
    keep_ledger: timedelta = timedelta(days=400)

    @property
    def lifetime(self) -> timedelta:
        """From the commit to the time from which a shard may go."""
        return self.keep + self.margin

    def committed_before(self, now: datetime) -> datetime:
        """What was committed at this time or before it is due."""
        return now - self.lifetime

    def marked_before(self, now: datetime) -> datetime:
        """What was committed at this time or before it is to be marked."""
        return now - self.lifetime + self.mark_ahead


@dataclass(frozen=True, slots=True)
class ClaimedShard:
    """A due shard, marked as expiring, and the right to go on with it until somebody claims it anew.

    Attributes:
        shard_id: the shard.
        path: its file.
        dt: its day, which shards made from it share.
        length: of the file, in bytes.
        claimed_at: strictly later than that of any earlier claim on this shard.
        committed_at: its age.
        kept_until: when its time was over, by the younger of its stamps.
    """

    shard_id: int
    path: str
    dt: date
    length: int
    claimed_at: datetime
    committed_at: datetime
    kept_until: datetime


@dataclass(frozen=True, slots=True)
class ShardPhoto:
    """A photo that the index finds in a shard, and where its members lie there."""

    photo_id: UUID
    renditions: Sequence[ArchivedRendition]


@dataclass(frozen=True, slots=True)
class Expiry:
    """What became of the photos of a shard: how many expired, and how many held ones are still in it."""

    expired: int
    held: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A mark that keeps a photo, or all of a customer's where ``photo_id`` is ``None``."""

    hold_id: int
    customer_id: UUID
    photo_id: UUID | None
    reason: str
    placed_by: str
    placed_at: datetime


@dataclass(frozen=True, slots=True, order=True)
class SliceFile:
    """A file by an attempt at a slice, as its name tells."""

    log: Log
    start: int
    attempt: int

    @property
    def slice_key(self) -> tuple[Log, int]:
        """Names the slice: logs are cut without overlap."""
        return (self.log, self.start)


@dataclass(frozen=True, slots=True, order=True)
class HoldFile:
    """A file with held photos from one claim on their shard, as its name tells."""

    shard_id: int
    claim: int


@dataclass(frozen=True, slots=True, order=True)
class ReprocessFile:
    """A file by an attempt at deriving a shard's photos again, as its name tells."""

    shard_id: int
    attempt: int


@dataclass(frozen=True, slots=True, order=True)
class RewrittenFile:
    """A shard's file without what was erased, by an attempt at writing it anew, as its name tells."""

    shard_id: int
    attempt: int


WrittenFile = SliceFile | HoldFile | ReprocessFile | RewrittenFile


@dataclass(frozen=True, slots=True)
class SliceState:
    """How far the ledger is with a slice. ``has_shard`` is whether its commit archived photos."""

    attempt: int
    committed: bool
    has_shard: bool = True


@dataclass(frozen=True, slots=True)
class ShardState:
    """How far the ledger is with a shard.

    Attributes:
        state: of the row.
        claimed_at: ``None`` where nobody has ever claimed it.
        path: its file.
        rewrites: the latest attempt at writing it anew.
        abandoned: attempts at deriving its photos again that are fenced off.
    """

    state: str
    claimed_at: datetime | None
    path: str
    rewrites: int = 0
    abandoned: frozenset[int] = frozenset()


class Leftover(StrEnum):
    """What a file is that no shard row names."""

    ABANDONED = "abandoned"
    """Nobody can commit it any more."""
    UNDER_WAY = "under_way"
    """Whoever writes it may still commit it."""
    FOREIGN = "foreign"
    """Not a name, slice or claim that this ledger knows."""


def claim_number(claimed_at: datetime) -> int:
    """A claim as it stands in file names: microseconds since 1970."""
    return (claimed_at - _EPOCH) // timedelta(microseconds=1)


def hold_staging_path(root: str, claim: ClaimedShard) -> str:
    """Where held photos are copied to before anyone may see them."""
    return f"{root}/_staging/hold-{claim.shard_id}-{claim_number(claim.claimed_at)}.tar"


def hold_path(root: str, claim: ClaimedShard) -> str:
    """A hold shard's final name: the shard that its photos come from, and the claim under which they were copied."""
    name = f"hold-{claim.shard_id}-{claim_number(claim.claimed_at)}.tar"
    return f"{root}/held/dt={claim.dt:%Y-%m-%d}/{name}"


def file_of(path: str) -> WrittenFile | None:
    """Who wrote a file of the archive, by its folder and name; ``None`` for a name that is none of ours."""
    folder, _, name = path.rpartition("/")
    if rewritten := _REWRITTEN_NAME.fullmatch(name):
        return RewrittenFile(int(rewritten["shard"]), int(rewritten["attempt"]))
    if held := _HOLD_NAME.fullmatch(name):
        return HoldFile(int(held["shard"]), int(held["claim"]))
    if reprocessed := _REPROCESS_NAME.fullmatch(name):
        return ReprocessFile(int(reprocessed["shard"]), int(reprocessed["attempt"]))
    pattern = _STAGING_NAME if folder.endswith("/_staging") else _SHARD_NAME
    if found := pattern.fullmatch(name):
        log = Log(found["topic"], int(found["partition"]), int(found["incarnation"] or 1))
        return SliceFile(log, int(found["start"]), int(found["attempt"]))
    return None


def leftover_kind(
    file: WrittenFile | None,
    slices: Mapping[tuple[Log, int], SliceState],
    shards: Mapping[int, ShardState],
    *,
    staged: bool,
) -> Leftover:
    """What to think of a file that no shard row names, staged or with its final name. No clock is asked.

    The ledger's states must have been read before it was asked which files are named: what is committed by the time of
    the states is then named.
    """
    if isinstance(file, SliceFile):
        return _slice_leftover(file, slices.get(file.slice_key), staged=staged)
    if isinstance(file, HoldFile):
        return _hold_leftover(file, shards.get(file.shard_id))
    if isinstance(file, ReprocessFile):
        return _reprocess_leftover(file, shards.get(file.shard_id))
    if isinstance(file, RewrittenFile):
        return _rewritten_leftover(file, shards.get(file.shard_id))
    return Leftover.FOREIGN


def _slice_leftover(file: SliceFile, state: SliceState | None, *, staged: bool) -> Leftover:
    if state is None:
        return Leftover.FOREIGN
    if staged:
        fenced = state.committed or state.attempt > file.attempt
        return Leftover.ABANDONED if fenced else Leftover.UNDER_WAY
    # Nothing else may hold these photos before the slice is committed; nor afterwards, where it archived none: then
    # Kafka no longer had them, and this ledger was restored from a backup.
    if not state.committed:
        return Leftover.UNDER_WAY
    return Leftover.ABANDONED if state.has_shard else Leftover.FOREIGN


def _hold_leftover(file: HoldFile, state: ShardState | None) -> Leftover:
    # A claim that this ledger has never reached means that it was restored from a backup: the file may be all there is.
    if state is None or state.claimed_at is None or claim_number(state.claimed_at) < file.claim:
        return Leftover.FOREIGN
    fenced = state.state != "expiring" or claim_number(state.claimed_at) > file.claim
    return Leftover.ABANDONED if fenced else Leftover.UNDER_WAY


def _reprocess_leftover(file: ReprocessFile, source: ShardState | None) -> Leftover:
    # photo_reprocess removes its own leftovers, but only when it runs: what it copied must not outlive the source.
    if source is None:
        return Leftover.FOREIGN
    fenced = source.state == "removed" or file.attempt in source.abandoned
    return Leftover.ABANDONED if fenced else Leftover.UNDER_WAY


def _rewritten_leftover(file: RewrittenFile, shard: ShardState | None) -> Leftover:
    # As for a claim: an attempt that this ledger has never reached was made before it was restored from a backup.
    if shard is None or shard.rewrites < file.attempt:
        return Leftover.FOREIGN
    fenced = shard.state == "removed" or shard.rewrites > file.attempt
    return Leftover.ABANDONED if fenced else Leftover.UNDER_WAY


_HOLD_NAME = re.compile(r"hold-(?P<shard>\d+)-(?P<claim>\d+)\.tar")
_REPROCESS_NAME = re.compile(r"reprocess-(?P<shard>\d+)-(?P<attempt>\d+)\.tar")
_REWRITTEN_NAME = re.compile(rf"erased{LATER}(?P<shard>\d+){LATER}(?P<attempt>\d+){LATER}.+\.tar")
_LOG_NAME = rf"(?P<topic>[^{LATER}]+)(?:{LATER}(?P<incarnation>\d+))?-(?P<partition>\d+)"
_SHARD_NAME = re.compile(_LOG_NAME + r"-(?P<start>\d+)-(?P<end>\d+)-(?P<attempt>\d+)\.tar")
_STAGING_NAME = re.compile(_LOG_NAME + r"-(?P<start>\d+)-(?P<attempt>\d+)\.tar")


class TooManyHoldsError(PhotoPipelineError):
    """The customer keeps as many photos longer as the operator allows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"a customer may hold {limit} photos")
