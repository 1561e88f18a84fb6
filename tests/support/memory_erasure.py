"""Erasing in memory: a retention's platform whose ledger forgets photos, and a key that signs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.memory_ledger import MemoryLedger, ShardRow
from tests.support.retention import ROOT, Platform

from photo_pipeline.domain.erasure import (
    EraseRequest,
    Erasure,
    ErasureShard,
    KafkaHad,
    Rewriting,
    ShardProgress,
    done_of,
)
from photo_pipeline.domain.errors import RewriteSupersededError
from photo_pipeline.domain.ledger import ArchivedRendition, ShardFile
from photo_pipeline.domain.shard_walk import Remainder
from photo_pipeline.use_cases.erase import ProofPorts, RewritePorts

ERASED_AT = datetime(2026, 1, 2, tzinfo=UTC)
OPEN = (ShardProgress.PLANNED, ShardProgress.SWITCHED)


@dataclass(slots=True)
class MemoryErasures:
    """The ``ErasureLedger`` port on a ledger in memory that has one erasure."""

    ledger: MemoryLedger
    request: EraseRequest | None = None
    salt: str = ""
    gone: set[UUID] = field(default_factory=set)
    plan: dict[int, ErasureShard] = field(default_factory=dict)
    running: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    proof: str | None = None

    def begin(self, request: EraseRequest, salt: str) -> int:
        """See the port. Rows forget the photo in one step."""
        if self.request is None:
            self.request, self.salt = request, salt
            self.gone.add(request.subject_id)
            shard_id = self.ledger.photos.pop(request.subject_id).shard_id
            assert shard_id is not None
            self.plan_shard(shard_id)
        return 1

    def forget_more(self, _erasure_id: int, _request: EraseRequest) -> bool:
        """See the port."""
        return False

    def note_readers(self, _erasure_id: int, _request: EraseRequest) -> None:
        """See the port."""

    def plan_shard(self, shard_id: int) -> None:
        """Have another shard be written anew."""
        path = self.ledger.shards[shard_id].path
        self.plan[shard_id] = ErasureShard(shard_id, path, ShardProgress.PLANNED)

    def erased(self, ids: Collection[UUID]) -> set[UUID]:
        """See the port."""
        return self.gone & set(ids)

    def shards(self, _erasure_id: int) -> Sequence[ErasureShard]:
        """See the port."""
        return [shard for shard in self.plan.values() if shard.progress in OPEN]

    def rewriting(self, shard_id: int) -> Rewriting | None:
        """See the port."""
        row = self.ledger.shards[shard_id]
        if row.state == "removed":
            return None
        row.rewrites += 1
        return Rewriting(shard_id, row.rewrites, row.path)

    def switch(self, _erasure_id: int, rewriting: Rewriting, file: ShardFile, remainder: Remainder) -> None:
        """See the port."""
        row = self._fenced(rewriting)
        row.path, row.length, row.photos = file.path, file.length, remainder.photos
        for photo in self.ledger.photos.values():
            if photo.shard_id == row.shard_id:
                photo.renditions = [_moved(each, remainder.moved) for each in photo.renditions]
        self._progress(row.shard_id, ShardProgress.SWITCHED)

    def retire(self, _erasure_id: int, rewriting: Rewriting) -> None:
        """See the port."""
        row = self._fenced(rewriting)
        row.state = "expiring"
        self._progress(row.shard_id, ShardProgress.SWITCHED)

    def let_readers_finish(self, shard_id: int) -> None:
        """See the port."""

    def is_needed(self, path: str) -> bool:
        """See the port."""
        return any(row.path == path and row.state == "live" for row in self.ledger.shards.values())

    def settle(self, _erasure_id: int, shard_id: int) -> None:
        """See the port."""
        row, was_switched = self.ledger.shards[shard_id], self.plan[shard_id].progress is ShardProgress.SWITCHED
        row.state = "removed" if row.state == "expiring" and was_switched else row.state
        self._progress(shard_id, done_of(is_there=row.state == "live", was_switched=was_switched))

    def under_way(self, _erasure_id: int) -> Sequence[int]:
        """See the port."""
        return self.running

    def documents(self, _erasure_id: int, after: str | None, limit: int) -> Sequence[str]:
        """See the port."""
        return [name for name in self.names if after is None or name > after][:limit]

    def erasure(self, erasure_id: int) -> Erasure:
        """See the port."""
        assert self.request is not None
        done = [shard.progress for shard in self.plan.values()]
        return Erasure(
            erasure_id=erasure_id,
            name=self.request.name,
            subject=self.request.subject,
            salt=self.salt,
            digest="d" * 64,
            reason=self.request.reason,
            by=self.request.by,
            erased_at=ERASED_AT,
            photos=len(self.gone),
            records=1,
            rewritten=done.count(ShardProgress.REWRITTEN),
            removed=done.count(ShardProgress.REMOVED),
            kafka=[KafkaHad("photos.uploaded", 1, ERASED_AT - timedelta(days=1))],
            proof=self.proof,
        )

    def prove(self, _erasure_id: int, proof: str) -> str:
        """See the port."""
        self.proof = self.proof or proof
        return self.proof

    def _fenced(self, rewriting: Rewriting) -> ShardRow:
        row = self.ledger.shards[rewriting.shard_id]
        if (row.rewrites, row.path, row.state) != (rewriting.number, rewriting.path, "live"):
            raise RewriteSupersededError(row.shard_id)
        return row

    def _progress(self, shard_id: int, progress: ShardProgress) -> None:
        self.plan[shard_id] = replace(self.plan[shard_id], progress=progress)


@dataclass(frozen=True, slots=True)
class PlainSigner:
    """The ``ProofSigner`` port, whose tokens can be read: what was signed, and how often."""

    signed: list[Mapping[str, Any]] = field(default_factory=list)

    def sign(self, kind: str, claims: Mapping[str, Any]) -> str:
        """See the port."""
        self.signed.append(claims)
        return f"{kind} {len(self.signed)}"


class Erasing:
    """A platform of photos, and all that erases them."""

    def __init__(self, around: Callable[[Any, str], Any] = lambda port, _name: port) -> None:
        self.platform = Platform()
        self.erasures = MemoryErasures(self.platform.ledger)
        self.signer = PlainSigner()
        self._around = around

    def rewrite_ports(self) -> RewritePorts:
        """What writing shards anew needs."""
        archive = self._around(self.platform.archive, "archive")
        return RewritePorts(self._around(self.erasures, "ledger"), archive, ROOT)

    def proof_ports(self) -> ProofPorts:
        """What proving needs."""
        return ProofPorts(
            ledger=self._around(self.erasures, "ledger"),
            index=self._around(self.platform.ledger, "index"),
            archive=self._around(self.platform.archive, "archive"),
            archive_root=ROOT,
            signer=self._around(self.signer, "signer"),
            clock=self.platform.clock,
            kafka_keeps=timedelta(days=7, hours=6),
        )


def _moved(rendition: ArchivedRendition, moved: Mapping[int, int]) -> ArchivedRendition:
    return replace(rendition, offset=moved[rendition.offset])
