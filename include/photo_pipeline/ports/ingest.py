"""The ledger, as the ingest uses it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.lanes import ONE_LANE, Lanes
from photo_pipeline.domain.ledger import (
    Lease,
    PlannedSlice,
    SliceCommit,
    SliceSummary,
    Watermarks,
)
from photo_pipeline.domain.logs import KnownLog, LogChange
from photo_pipeline.domain.photo import Log, TopicPartition
from photo_pipeline.domain.proof import SigningDevice


class IngestLedger(Protocol):
    """The ledger, as the ingest uses it."""

    def logs(self) -> Sequence[KnownLog]:
        """Every log that the ledger knows, those that are over too."""
        ...

    def follow(self, changes: Iterable[LogChange]) -> None:
        """Note what was seen of Kafka's logs. Seen twice, or late, it does no harm."""
        ...

    def note_cut(self, log: Log) -> None:
        """Note that a log does not hold any more what was read of it: nothing of it is planned until it is settled."""
        ...

    def plan(
        self,
        watermarks: Mapping[TopicPartition, Watermarks],
        max_records: int,
        owner: str,
        seconds: float,
        lanes: Lanes = ONE_LANE,
    ) -> Sequence[PlannedSlice]:
        """Plan a slice for each partition that has a backlog, and reserve all that wait for a worker to ``owner``.

        At most one slice of a partition is open at a time, so two planners at once plan no record twice. A slice whose
        worker died comes back once its lease has run out; asked again, the same owner gets the same slices. What Kafka
        does not have now is left out, and so is what it has in the place of a known log.

        Slices of the bulk lane are one owner's at a time, at most ``lanes.bulk_slices``; the partition that was
        committed longest ago is the next.
        """
        ...

    def lease(self, slice_id: int, owner: str, seconds: float) -> Lease | None:
        """Take a slice with a new attempt; ``None`` where it is committed.

        The same owner's older attempt is superseded at once; another's once its lease has run out.

        Raises:
            SliceBusyError: when another owner's lease still runs.
            SliceVoidError: when its log has ended.
        """
        ...

    def renew(self, lease: Lease, seconds: float) -> None:
        """Prolong the lease.

        Raises:
            LeaseLostError: when another attempt has the slice.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give an unfinished slice back; no error where the lease is lost anyway."""
        ...

    def summary(self, slice_id: int) -> SliceSummary:
        """What a committed slice came to."""
        ...

    def known_customers(self, customer_ids: Collection[UUID]) -> set[UUID]:
        """Those of the ids that are customers."""
        ...

    def erased(self, ids: Collection[UUID]) -> set[UUID]:
        """Those of these photos and customers that an operator has had erased."""
        ...

    def signing_devices(self, device_ids: Collection[UUID]) -> Mapping[UUID, SigningDevice]:
        """Those of the ids that are devices, revoked or not."""
        ...

    def commit(self, commit: SliceCommit) -> SliceSummary:
        """The one commit point: shard, photos, renditions, records, outbox and ``next_offset`` in one transaction.

        Raises:
            LeaseLostError: when the slice's attempt is not this one's.
            ProgressConflictError: when ``next_offset`` is not the slice's start.
            PhotoErasedError: when a photo, or a customer, was erased after the record was read.
        """
        ...
