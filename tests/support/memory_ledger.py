"""A ledger in memory, behind the ports of retention, the sweep, holds and the book of removals."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.memory_archive import ManualClock

from photo_pipeline.domain.clocks import Reading
from photo_pipeline.domain.errors import (
    ClaimLostError,
    PhotoExpiredError,
    UnknownCustomerError,
    UnknownPhotoError,
)
from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.photo import Log
from photo_pipeline.domain.removal import (
    DueBy,
    DueShard,
    RecordAges,
    Removal,
    RemovedThing,
    RunEnding,
    ShardAges,
    ShardStamps,
    Window,
)
from photo_pipeline.domain.removal_permit import PermitRequest
from photo_pipeline.domain.retention import ClaimedShard, Expiry, Hold, ShardPhoto, ShardState, SliceState


@dataclass(slots=True)
class ShardRow:
    """A row of ``shard``."""

    shard_id: int
    path: str
    kind: str
    length: int
    photos: int
    committed_at: datetime
    state: str = "live"
    expiring_at: datetime | None = None
    removed_at: datetime | None = None
    marked_at: datetime | None = None
    kept_until: datetime | None = None
    rewrites: int = 0


@dataclass(slots=True)
class PhotoRow:
    """A row of ``photo`` with its renditions."""

    photo_id: UUID
    customer_id: UUID
    shard_id: int | None
    renditions: Sequence[Any]
    filename: str | None = "a.jpg"
    accepted_at: datetime | None = None


@dataclass(slots=True)
class RejectedRow:
    """A rejected row of ``ingest_record``."""

    processed_at: datetime
    detail: str | None = "why"
    accepted_at: datetime | None = None

    @property
    def youngest(self) -> datetime:
        """By the ledger's time and Kafka's."""
        return max(self.processed_at, self.accepted_at or self.processed_at)


@dataclass(slots=True)
class RunRow:
    """A row of ``retention_run``."""

    name: str
    readings: tuple[Reading, ...]
    now: datetime | None
    ending: RunEnding | None = None


@dataclass(slots=True)
class RemovalRow:
    """A row of ``removal``."""

    run_id: int
    thing: RemovedThing
    noted_at: datetime
    removed_at: datetime | None = None


@dataclass(slots=True)
class PermitRow:
    """A row of ``removal_permit``."""

    request: PermitRequest
    used_by: str | None = None


def _falls_into(time: datetime, window: Window | None) -> bool:
    return window is not None and window.begin < time <= window.end


def _is_due(row: ShardRow, by: DueBy) -> bool:
    if row.marked_at is None or row.kept_until is None:
        return False
    return row.kept_until <= by.kept_until and row.marked_at <= by.marked_at


def _due_shard(row: ShardRow, window: Window | None) -> DueShard:
    assert row.kept_until is not None
    explained = row.kind == "hold" or row.expiring_at is not None or _falls_into(row.kept_until, window)
    return DueShard(row.shard_id, row.path, row.committed_at, row.kept_until, explained)


@dataclass(slots=True)
class MemoryLedger:
    """The ``RetentionLedger``, ``ArchiveIndex``, ``RemovalBook`` and ``HoldRegister`` ports.

    Each method is one transaction.
    """

    clock: ManualClock
    customers: set[UUID] = field(default_factory=set)
    slices: dict[tuple[Log, int], SliceState] = field(default_factory=dict)
    shards: dict[int, ShardRow] = field(default_factory=dict)
    photos: dict[UUID, PhotoRow] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    published: list[datetime] = field(default_factory=list)
    of_closed_accounts: int = 0
    runs: list[RunRow] = field(default_factory=list)
    removals: list[RemovalRow] = field(default_factory=list)
    permits: list[PermitRow] = field(default_factory=list)

    def is_held(self, photo: PhotoRow) -> bool:
        """Whether a hold names the photo."""
        return any(
            hold.customer_id == photo.customer_id and hold.photo_id in {None, photo.photo_id} for hold in self.holds
        )

    def add_shard(self, kind: str, file: ShardFile, photos: int, committed_at: datetime) -> int:
        """Insert a shard; its id."""
        shard_id = len(self.shards) + 1
        self.shards[shard_id] = ShardRow(shard_id, file.path, kind, file.length, photos, committed_at)
        return shard_id

    def stamped_after(self, time: datetime) -> Sequence[ShardStamps]:
        """See the port."""
        return [self._stamps(row) for row in self._there() if row.committed_at > time]

    def restamp(self, shard_id: int, stamped_after: datetime, now: datetime) -> None:
        """See the port."""
        if self.shards[shard_id].committed_at > stamped_after:
            self.shards[shard_id].committed_at = now

    def unmarked(self, committed_before: datetime, not_after: datetime) -> Sequence[ShardStamps]:
        """See the port."""
        old = [row for row in self._there() if row.committed_at <= committed_before]
        return [self._stamps(row) for row in old if row.marked_at is None or row.marked_at > not_after]

    def mark(self, shard_id: int, now: datetime, kept_until: datetime) -> None:
        """See the port."""
        self.shards[shard_id].marked_at, self.shards[shard_id].kept_until = now, kept_until

    def disputed(self, committed_before: datetime, kept_after: datetime) -> Sequence[DueShard]:
        """See the port."""
        old = [row for row in self._there() if row.committed_at <= committed_before]
        return [_due_shard(row, None) for row in old if row.kept_until is not None and row.kept_until > kept_after]

    def ages(self, by: DueBy, committed_before: datetime, window: Window | None) -> ShardAges:
        """See the port."""
        live = [row for row in self._there() if row.kind != "hold"]
        over_at = {
            row.shard_id: row.kept_until or row.committed_at + (by.kept_until - committed_before) for row in live
        }
        over = [row for row in live if over_at[row.shard_id] <= by.kept_until]
        waiting = [row for row in over if row.marked_at is None or row.marked_at > by.marked_at]
        strange = [row for row in over if row.expiring_at is None and not _falls_into(over_at[row.shard_id], window)]
        return ShardAges(len(live), len(strange), len(waiting))

    def due(self, by: DueBy, window: Window | None) -> Sequence[DueShard]:
        """See the port."""
        return [_due_shard(row, window) for row in self._there() if _is_due(row, by) and self._has_to_go(row)]

    def claim(self, shard_id: int, by: DueBy) -> ClaimedShard | None:
        """See the port."""
        row = self.shards[shard_id]
        if row.state == "removed" or not _is_due(row, by) or row.kept_until is None:
            return None
        earliest = self.clock.now() if row.expiring_at is None else row.expiring_at + timedelta(microseconds=1)
        row.state, row.expiring_at = "expiring", max(self.clock.now(), earliest)
        day = row.committed_at.date()
        return ClaimedShard(shard_id, row.path, day, row.length, row.expiring_at, row.committed_at, row.kept_until)

    def held_photos(self, claim: ClaimedShard) -> Sequence[ShardPhoto]:
        """See the port."""
        return [ShardPhoto(p.photo_id, p.renditions) for p in self._photos_in(claim.shard_id) if self.is_held(p)]

    def move(self, claim: ClaimedShard, hold_shard: ShardFile, photos: Sequence[ShardPhoto]) -> int:
        """See the port."""
        row = self._claimed(claim)
        moving = [photo for photo in photos if self.photos[photo.photo_id].shard_id == claim.shard_id]
        if moving:
            shard_id = self.add_shard("hold", hold_shard, len(photos), row.committed_at)
            self.shards[shard_id].marked_at = row.marked_at
            self.shards[shard_id].kept_until = row.kept_until
            for photo in moving:
                moved = replace(self.photos[photo.photo_id], shard_id=shard_id, renditions=photo.renditions)
                self.photos[photo.photo_id] = moved
        return len(moving)

    def expire(self, claim: ClaimedShard) -> Expiry:
        """See the port."""
        row = self._claimed(claim)
        here = self._photos_in(claim.shard_id)
        gone = [photo for photo in here if not self.is_held(photo)]
        for photo in gone:
            self.photos[photo.photo_id] = replace(photo, shard_id=None, renditions=(), filename=None)
        if len(gone) < len(here):
            row.state = "live"
        return Expiry(len(gone), len(here) - len(gone))

    def record_removed(self, claim: ClaimedShard, run_id: int, thing: RemovedThing, now: datetime) -> bool:
        """See the port."""
        row = self.shards[claim.shard_id]
        if row.state != "expiring" or row.expiring_at != claim.claimed_at or self._photos_in(claim.shard_id):
            return False
        row.state, row.removed_at = "removed", self.clock.now()
        self.record(run_id, [thing], now)
        return True

    def record_ages(self, before: datetime, window: Window | None, lifetime: timedelta) -> RecordAges:
        """See the port."""
        live = [row for row in self.rejected if row.detail is not None]
        over = [row for row in live if row.youngest <= before]
        return RecordAges(len(live), sum(not _falls_into(row.processed_at + lifetime, window) for row in over))

    def blank_rejected(self, before: datetime, limit: int) -> int:
        """See the port."""
        stale = [row for row in self.rejected if row.detail is not None and row.youngest <= before]
        for row in stale[:limit]:
            row.detail = None
        return len(stale[:limit])

    def close_some(self, limit: int) -> bool:
        """See the port."""
        self.of_closed_accounts = max(0, self.of_closed_accounts - limit)
        return self.of_closed_accounts > 0

    def forget_published(self, published_before: datetime, limit: int) -> int:
        """See the port."""
        stale = [at for at in self.published if at <= published_before][:limit]
        for at in stale:
            self.published.remove(at)
        return len(stale)

    def slice_states(self, slices: Collection[tuple[Log, int]]) -> Mapping[tuple[Log, int], SliceState]:
        """See the port."""
        return {key: self.slices[key] for key in slices if key in self.slices}

    def shard_states(self, shard_ids: Collection[int]) -> Mapping[int, ShardState]:
        """See the port."""
        known = [self.shards[shard_id] for shard_id in shard_ids if shard_id in self.shards]
        return {row.shard_id: ShardState(row.state, row.expiring_at, row.path, row.rewrites) for row in known}

    def named(self, paths: Collection[str]) -> set[str]:
        """See the port."""
        return {row.path for row in self.shards.values() if row.state != "removed"} & set(paths)

    def place(self, customer_id: UUID, photo_id: UUID | None, reason: str, placed_by: str) -> Hold:
        """See the port."""
        if customer_id not in self.customers:
            raise UnknownCustomerError(customer_id)
        if photo_id is not None:
            photo = self.photos.get(photo_id)
            if photo is None or photo.customer_id != customer_id:
                raise UnknownPhotoError(customer_id, photo_id)
            if photo.shard_id is None:
                raise PhotoExpiredError(photo_id)
        for hold in self.active(customer_id):
            if hold.photo_id == photo_id:
                return hold
        hold = Hold(len(self.holds) + 1, customer_id, photo_id, reason, placed_by, self.clock.now())
        self.holds.append(hold)
        return hold

    def lift(self, customer_id: UUID, photo_id: UUID | None) -> bool:
        """See the port."""
        kept = [hold for hold in self.holds if (hold.customer_id, hold.photo_id) != (customer_id, photo_id)]
        lifted = len(kept) < len(self.holds)
        self.holds = kept
        return lifted

    def active(self, customer_id: UUID | None = None) -> Sequence[Hold]:
        """See the port."""
        return [hold for hold in self.holds if customer_id in {None, hold.customer_id}]

    def begin(self, name: str, readings: Sequence[Reading], now: datetime | None) -> int:
        """See the port ``RemovalBook``."""
        self.runs.append(RunRow(name, tuple(readings), now))
        return len(self.runs)

    def end(self, run_id: int, ending: RunEnding) -> None:
        """See the port."""
        self.runs[run_id - 1].ending = ending

    def removed_until(self, looked_by: datetime, not_after: datetime) -> datetime | None:
        """See the port."""
        latest = None
        for run in self.runs:  # the stateful tests look at fifteen million
            if run.now is None or run.now > looked_by or run.ending is None:
                continue
            time = run.ending.removed_until
            if time is not None and time <= not_after and (latest is None or time > latest):
                latest = time
        return latest

    def permitted(self, what: Removal, run_name: str, now: datetime) -> int:
        """See the port."""
        for permit in self.permits:
            if permit.request.what == what and permit.used_by in {None, run_name}:
                permit.used_by = run_name
                return permit.request.most
        return 0

    def record(self, run_id: int, things: Sequence[RemovedThing], now: datetime) -> None:
        """See the port."""
        self.removals += [RemovalRow(run_id, thing, now, now) for thing in things]

    def note(self, run_id: int, things: Sequence[RemovedThing], now: datetime) -> None:
        """See the port."""
        open_ = self.noted(datetime.max.replace(tzinfo=UTC))
        self.removals += [RemovalRow(run_id, thing, now) for thing in things if thing.subject not in open_]

    def noted(self, by: datetime) -> set[str]:
        """See the port."""
        return {row.thing.subject for row in self.removals if row.removed_at is None and row.noted_at <= by}

    def removed(self, run_id: int, path: str, now: datetime) -> None:
        """See the port."""
        for row in self.removals:
            if row.removed_at is None and row.thing.subject == path:
                row.run_id, row.removed_at = run_id, now

    def keep_notes(self, paths: Collection[str]) -> None:
        """See the port."""
        self.removals = [row for row in self.removals if row.removed_at is not None or row.thing.subject in paths]

    def _there(self) -> list[ShardRow]:
        return [row for row in self.shards.values() if row.state != "removed"]

    def _stamps(self, row: ShardRow) -> ShardStamps:
        accepted = [photo.accepted_at for photo in self._photos_in(row.shard_id) if photo.accepted_at is not None]
        return ShardStamps(row.shard_id, row.path, row.kind == "archive", row.committed_at, max(accepted, default=None))

    def _has_to_go(self, row: ShardRow) -> bool:
        held = sum(self.is_held(photo) for photo in self._photos_in(row.shard_id))
        return row.kind != "hold" or row.state == "expiring" or row.photos > held

    def _photos_in(self, shard_id: int) -> list[PhotoRow]:
        return [photo for photo in self.photos.values() if photo.shard_id == shard_id]

    def _claimed(self, claim: ClaimedShard) -> ShardRow:
        row = self.shards[claim.shard_id]
        if row.state != "expiring" or row.expiring_at != claim.claimed_at:
            raise ClaimLostError(claim.shard_id)
        return row
