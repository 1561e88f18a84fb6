"""What erasing needs of the ledger, the archive and whoever signs."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from photo_pipeline.domain.erasure import EraseRequest, Erasure, ErasureShard, Rewriting
from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.shard_walk import Remainder
from photo_pipeline.ports.archive import RangeReader
from photo_pipeline.ports.retention import RetainedArchive


class ErasingArchive(RetainedArchive, RangeReader, Protocol):
    """HDFS, as erasing uses it."""


class ErasureLedger(Protocol):
    """The ledger, as erasing uses it. Each method is one transaction."""

    def begin(self, request: EraseRequest, salt: str) -> int:
        """Have nothing more of it be taken, and the first rows forget it; the erasure's number.

        Of a photo these are all. Asked again under the same name, it goes on.

        Raises:
            InvalidEraseRequestError: when the same name has asked for something else.
            NothingToEraseError: when there is no such photo or customer.
            ErasureHeldError: when an operator's hold names it.
            ErasureUnfinishedError: when the retention is just removing a shard that has it.
        """
        ...

    def forget_more(self, erasure_id: int, request: EraseRequest) -> bool:
        """Have so many more rows forget it, and plan which shards follow; whether some are left.

        Raises:
            ErasureHeldError, ErasureUnfinishedError: as ``begin``; what was forgotten before stays so.
        """
        ...

    def note_readers(self, erasure_id: int, request: EraseRequest) -> None:
        """Note who may have read of it before all rows had forgotten it; and have requests forget whose it was.

        Shards that an earlier erasure of the same records has not come to are this one's, too: rows that have forgotten
        a photo do not say where it lies.
        """
        ...

    def erased(self, ids: Collection[UUID]) -> set[UUID]:
        """Those of these photos and customers that were erased, by any erasure."""
        ...

    def shards(self, erasure_id: int) -> Sequence[ErasureShard]:
        """The shards that still have something to be done."""
        ...

    def rewriting(self, shard_id: int) -> Rewriting | None:
        """A new attempt at writing a shard anew; ``None`` where it is removed.

        Raises:
            ErasureUnfinishedError: when the retention is just removing it.
        """
        ...

    def switch(self, erasure_id: int, rewriting: Rewriting, file: ShardFile, remainder: Remainder) -> None:
        """The shard is this file from now on, and each photo that the index finds in it lies where it says.

        Raises:
            RewriteSupersededError: when the shard has changed, or the index finds there what the file has not.
        """
        ...

    def retire(self, erasure_id: int, rewriting: Rewriting) -> None:
        """The shard has nothing left: its file goes, and it with it.

        Raises:
            RewriteSupersededError: when the shard has changed, or the index finds something in it.
        """
        ...

    def let_readers_finish(self, shard_id: int) -> None:
        """Wait for who is publishing photos of this shard by where they lay."""
        ...

    def is_needed(self, path: str) -> bool:
        """Whether a live shard is this file."""
        ...

    def settle(self, erasure_id: int, shard_id: int) -> None:
        """The old file is gone: the shard is done."""
        ...

    def under_way(self, erasure_id: int) -> Sequence[int]:
        """The slices that are still worked on by an attempt that may have read it before it was erased.

        Raises:
            ErasureUnfinishedError: when nobody has noted which these are.
        """
        ...

    def documents(self, erasure_id: int, after: str | None, limit: int) -> Sequence[str]:
        """Up to ``limit`` ids of documents of blanked records, in their order, after that one."""
        ...

    def erasure(self, erasure_id: int) -> Erasure:
        """How it stands."""
        ...

    def prove(self, erasure_id: int, proof: str) -> str:
        """Keep the proof, unless there is one; the one that is kept. What was only needed until then is forgotten."""
        ...


class ProofSigner(Protocol):
    """The pipeline's own key."""

    def sign(self, kind: str, claims: Mapping[str, Any]) -> str:
        """The claims as a compact JWS of this kind."""
        ...
