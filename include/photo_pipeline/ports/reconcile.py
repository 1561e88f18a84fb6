"""What the reconciliation needs from the outside world, beyond the ports that it shares with the other use cases.

The audits read what others write and change nothing, save for the repairs that they say.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.documents import OutcomeRow
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.photo import Log, RecordCoordinates
from photo_pipeline.domain.reconciliation import (
    CheckResult,
    EarlierCheck,
    Figures,
    LostRange,
    MemberPosition,
    MemberRow,
    OpenSlice,
    OutboxBacklog,
    PartitionState,
    PhotoFault,
    Scope,
    Selection,
    ShardRow,
    SliceCoverage,
    StoredDocument,
    Stretch,
    TopicDeviation,
)


class ReconciliationLog(Protocol):
    """Where results are kept."""

    def begin(self, run_id: str) -> int:
        """How many runs there have been before this one; the same number when a run is begun again."""
        ...

    def earlier(self, check: str, run_id: str) -> EarlierCheck | None:
        """The check's newest result from another run."""
        ...

    def record(self, run_id: str, result: CheckResult) -> None:
        """Keep a result; an older one of the same run and check is replaced."""
        ...

    def results(self, run_id: str) -> Sequence[CheckResult]:
        """The results of a run, by the checks' names."""
        ...

    def forget(self, before: datetime) -> int:
        """Delete results of checks that were made before; how many rows there were."""
        ...


class TopicAudit(Protocol):
    """The topics' settings."""

    def deviations(self) -> Sequence[TopicDeviation]:
        """What is not as the platform wants it. A topic that does not exist deviates in the setting ``topic``.

        Raises:
            ServerUnavailableError: when Kafka does not answer.
        """
        ...


class LedgerAudit(Protocol):
    """The ledger's rows, held against each other."""

    def partitions(self) -> Mapping[Log, PartitionState]:
        """Every log that the ledger knows, as its slices cover it."""
        ...

    def logs(self) -> Sequence[KnownLog]:
        """Every log that the ledger knows, as it stands."""
        ...

    def coverage(self, stretch: Stretch) -> Sequence[SliceCoverage]:
        """The committed slices that were committed since, and the next of all."""
        ...

    def slices_end(self, stretch: Stretch) -> int:
        """The last of these next slices; 0 where there are no more, so that the beginning comes next."""
        ...

    def missing_offsets(self, slice_: SliceCoverage) -> Sequence[tuple[int, int]]:
        """The ranges ``[start, end)`` of a slice that have no record."""
        ...

    def lost_ranges(self, since: datetime) -> Sequence[LostRange]:
        """What Kafka deleted unread, as far as the ledger has taken note of it since."""
        ...

    def abandoned_slices(self, before: datetime) -> Sequence[OpenSlice]:
        """Open slices that were planned before, and whose last lease ran out before."""
        ...

    def waiting_outbox(self, before: datetime) -> Sequence[OutboxBacklog]:
        """What was committed before and has not been published."""
        ...

    def fill_outbox(
        self, selection: Selection, committed_since: datetime, limit: int
    ) -> Sequence[tuple[str, RecordCoordinates]]:
        """Write outbox entries that are lacking: kind and record of each. Nothing older than the outbox goes back."""
        ...

    def photo_faults(self, stretch: Stretch, limit: int) -> Sequence[PhotoFault]:
        """Photos and renditions that contradict each other, of shards committed or removed since, and the next of all.

        A processed photo has its renditions where its shard is, three at least; an expired one has none.
        """
        ...

    def shards_end(self, stretch: Stretch) -> int:
        """The last of these next shards; 0 where there are no more, so that the beginning comes next."""
        ...


class ArchiveAudit(Protocol):
    """What the ledger says of the archive."""

    def shards(self, after: tuple[datetime, int], limit: int) -> Sequence[ShardRow]:
        """Up to ``limit`` shards that are not removed, in the order of ``committed_at`` and id, after that position."""
        ...

    def shard_states(self, paths: Collection[str]) -> Mapping[str, str]:
        """The states of the shards with these paths; unknown ones are left out."""
        ...

    def members(self, after: MemberPosition, limit: int) -> Sequence[MemberRow]:
        """Up to ``limit`` members of live shards after that position."""
        ...

    def is_indexed(self, member: MemberRow) -> bool:
        """Whether the index still finds this member there, in a live shard."""
        ...


class OutcomeAudit(Protocol):
    """The outcomes that analysts may see, by UTC day of acceptance."""

    def day_figures(self, day: date, watermark: int) -> Mapping[UUID | None, Figures]:
        """What a day's outcomes add up to, per customer. Pending: last changed at or above the watermark."""
        ...

    def page(self, scope: Scope, after: OutcomeRow | None, limit: int) -> Sequence[OutcomeRow]:
        """Up to ``limit`` rows in acceptance order, after that row."""
        ...

    def versions(self, coordinates: Collection[RecordCoordinates]) -> Mapping[RecordCoordinates, int]:
        """The rows' versions now; those of no row are left out."""
        ...


class SearchAudit(Protocol):
    """The search index, as it is compared with the outcomes.

    Every method raises ``ServerUnavailableError`` when the server is away.
    """

    def refresh(self) -> None:
        """Make all that was written visible."""
        ...

    def day_figures(self, day: date) -> Mapping[UUID | None, Figures]:
        """What a UTC day's documents add up to, per customer."""
        ...

    def fetch(self, document_ids: Collection[str]) -> Sequence[StoredDocument]:
        """Every document of these ids, of whatever index."""
        ...

    def page(self, scope: Scope | None, after: StoredDocument | None, limit: int) -> Sequence[StoredDocument]:
        """Up to ``limit`` documents after that one; without scope, those of no day up to today."""
        ...

    def delete(self, documents: Sequence[StoredDocument]) -> int:
        """Delete these as they were seen; what has changed meanwhile stays. How many were deleted."""
        ...
