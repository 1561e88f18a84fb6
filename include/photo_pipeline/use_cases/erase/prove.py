"""The end of an erasure: what nobody names is looked into as well, and then it is signed that nothing is left."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from photo_pipeline.domain.erasure import ERASURE_TYPE, claims_of
from photo_pipeline.domain.errors import ArchiveMemberError, ErasureUnfinishedError
from photo_pipeline.domain.retention import Leftover
from photo_pipeline.domain.shard_walk import photos_begun_in
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.erase import ErasingArchive, ErasureLedger, ProofSigner
from photo_pipeline.ports.sweep import ArchiveIndex
from photo_pipeline.use_cases.sweep import ARCHIVED, STAGED, UnnamedFile, files_in, unnamed_among

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProofPorts:
    """The outside world, as proving needs it; ``kafka_keeps`` is how long a record stays in Kafka at most."""

    ledger: ErasureLedger
    index: ArchiveIndex
    archive: ErasingArchive
    archive_root: str
    signer: ProofSigner
    clock: Clock
    kafka_keeps: timedelta


def prove_erasure(erasure_id: int, documents: int, ports: ProofPorts) -> str:
    """Look into all files that no shard names, and sign. Asked again, the proof is the same.

    Args:
        erasure_id: whose shards are done.
        documents: how many were blanked.
        ports: the outside world.

    Raises:
        ErasureUnfinishedError: when something may still have it.
        ServerUnavailableError: when a server is away.
    """
    erasure = ports.ledger.erasure(erasure_id)
    if erasure.proof is not None:
        return erasure.proof
    _require_settled(erasure_id, ports.ledger)
    files = _clear_unnamed(ports)
    claims = claims_of(erasure, documents, files, ports.kafka_keeps, ports.clock.now())
    return ports.ledger.prove(erasure_id, ports.signer.sign(ERASURE_TYPE, claims))


def _require_settled(erasure_id: int, ledger: ErasureLedger) -> None:
    if shards := ledger.shards(erasure_id):
        raise ErasureUnfinishedError(f"{len(shards)} shards are still to be written anew")
    if slices := ledger.under_way(erasure_id):
        raise ErasureUnfinishedError(f"slice {slices[0]} was being processed: photo_ingest comes to its end first")


def _clear_unnamed(ports: ProofPorts) -> int:
    """Remove what killed workers left of it; how many files were looked into."""
    looked_into = 0
    for unnamed in _unnamed(ports):
        looked_into += 1
        if _has_erased(unnamed.file.path, ports):
            _remove(unnamed, ports.archive)
    return looked_into


def _unnamed(ports: ProofPorts) -> Iterator[UnnamedFile]:
    for folder in (STAGED, *ARCHIVED):
        for batch in files_in(ports.archive, f"{ports.archive_root}/{folder}"):
            yield from unnamed_among(batch, ports.index, ports.archive, staged=folder == STAGED)


def _remove(unnamed: UnnamedFile, archive: ErasingArchive) -> None:
    path = unnamed.file.path
    if unnamed.leftover is not Leftover.ABANDONED:
        raise ErasureUnfinishedError(f"{path} still has it: {_WHY[unnamed.leftover]}")
    archive.delete(path)
    logger.info("removed path=%s", path)


_WHY = {
    Leftover.UNDER_WAY: "whoever writes it is not done",
    Leftover.FOREIGN: "nobody knows that file, and an operator has to remove it",
}


def _has_erased(path: str, ports: ProofPorts) -> bool:
    try:
        found = photos_begun_in(ports.archive.open(path).read, path)
    except ArchiveMemberError:
        return False  # it has gone meanwhile
    return bool(found and ports.ledger.erased(found))
