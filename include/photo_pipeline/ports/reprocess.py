"""What reprocessing needs from the ledger, beyond the ports that it shares with the other use cases."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.ledger import ArchivedPhoto, ShardFile
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.reprocess import Attempt, Request, SourcePhoto, UnsettledRecord


class RequestRegister(Protocol):
    """Where requests are kept."""

    def accept(self, request: Request) -> None:
        """Keep a request; nothing happens where it is kept already.

        Raises:
            InvalidRequestError: when one of the same id asked for something else.
        """
        ...


class RenditionLedger(Protocol):
    """The ledger, as deriving renditions again uses it."""

    def source_shards(self, request: Request) -> Sequence[int]:
        """The live shards that have photos of the request, save for those that this request has made."""
        ...

    def photos(self, request: Request, shard_id: int) -> Sequence[SourcePhoto]:
        """The photos of the request that the index finds in this live shard, in the order of their originals."""
        ...

    def begin(self, request_id: str, shard_id: int) -> tuple[Attempt, Sequence[Attempt]] | None:
        """A new attempt, and those before it that it has fenced off; ``None`` where the shard is not live any more."""
        ...

    def swap(self, attempt: Attempt, file: ShardFile, photos: Sequence[ArchivedPhoto]) -> int:
        """Point the index of these photos to the new shard, in one transaction; how many were moved.

        The new shard is as old as its source, so that no photo lives longer or shorter. Photos whose index has left the
        source meanwhile stay where they are; where that is all of them, the new shard does not come into being.

        Raises:
            AttemptSupersededError: when another attempt has taken over.
            SourceGoneError: when the source has had its time.
        """
        ...

    def abandon(self, request_id: str) -> Sequence[Attempt]:
        """Fence off every attempt of this request that has not ended, and every one of a source that is gone."""
        ...


class Turn(Protocol):
    """A time in which no other task works on a request. Each method raises when it lasts no longer."""

    def check(self) -> None:
        """See that it still lasts.

        Raises:
            ServerUnavailableError: when this task was taken for dead.
        """
        ...

    def erased(self, customers: Collection[UUID], photos: Collection[UUID]) -> set[UUID]:
        """Those that were erased. Of the others, none is before the turn ends.

        Raises:
            ServerUnavailableError: as ``check``.
        """
        ...


class DeadLetterLedger(Protocol):
    """The ledger, as feeding dead letters again uses it."""

    def alone(self, request_id: str) -> AbstractContextManager[Turn]:
        """While this lasts, no other task works on the request.

        Raises:
            RequestBusyError: when one does.
        """
        ...

    def rejected(
        self, request: Request, topics: Collection[str], after: RecordCoordinates | None, limit: int
    ) -> Sequence[RecordCoordinates]:
        """Up to ``limit`` rejected records of the request, in order, that no request has fed again yet."""
        ...

    def announce(
        self, request_id: str, records: Collection[RecordCoordinates], sought_from: Mapping[int, int]
    ) -> set[RecordCoordinates]:
        """Note that these, of one topic, are about to be sent; which of them no other request has announced before."""
        ...

    def unsettled(self, request_id: str) -> Sequence[UnsettledRecord]:
        """What was announced, and not settled."""
        ...

    def withdraw(self, records: Collection[RecordCoordinates]) -> None:
        """Forget that these were announced: they are not sent."""
        ...

    def settle(self, fed: Mapping[RecordCoordinates, RecordCoordinates]) -> None:
        """Note where these records were sent again to."""
        ...

    def fed(self, request_id: str) -> int:
        """How many records the request has fed again, ever."""
        ...
