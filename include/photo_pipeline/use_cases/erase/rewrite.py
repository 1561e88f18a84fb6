"""Write shards anew without what was erased: a new file, read back and compared; the switch; then the old one goes.

Until the switch everybody reads the old file; from it on the new one. A photo of others is in a whole file at any time.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from photo_pipeline.domain.erasure import (
    EraseRequest,
    ErasureShard,
    Rewriting,
    ShardProgress,
    rewrite_path,
    rewrite_staging_path,
)
from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.shard import END_OF_ARCHIVE
from photo_pipeline.domain.shard_walk import ReadFile, Remainder, members_in, without
from photo_pipeline.ports.erase import ErasingArchive, ErasureLedger

logger = logging.getLogger(__name__)

PIECE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RewritePorts:
    """The outside world, as writing shards anew needs it."""

    ledger: ErasureLedger
    archive: ErasingArchive
    archive_root: str


@dataclass(slots=True)
class RewriteSummary:
    """What a task came to: shards written anew, shards that had nothing else, shards that turned out to have none."""

    rewritten: int = 0
    retired: int = 0
    untouched: int = 0


def begin_erasure(request: EraseRequest, ledger: ErasureLedger, new_salt: Callable[[], str]) -> int:
    """Have all rows forget what is asked for; the erasure's number. See the port for what stands in its way.

    Readers are noted last: whoever begins to read after that knows what is not taken.
    """
    erasure_id = ledger.begin(request, new_salt())
    while ledger.forget_more(erasure_id, request):
        pass
    ledger.note_readers(erasure_id, request)
    logger.info("erasure=%d of=%s shards=%d", erasure_id, request.subject, len(ledger.shards(erasure_id)))
    return erasure_id


def rewrite_shards(erasure_id: int, ports: RewritePorts) -> RewriteSummary:
    """Bring every shard of an erasure to its end. Run again, it goes on with those that are left.

    Raises:
        ArchiveMemberError: when a shard is no whole file: nothing of it was replaced.
        ErasureUnfinishedError: when the retention is just removing a shard.
        RewriteSupersededError: when a shard has changed meanwhile.
        ServerUnavailableError: when a server is away.
    """
    summary = RewriteSummary()
    for shard in ports.ledger.shards(erasure_id):
        if shard.progress is ShardProgress.SWITCHED or _is_replaced(erasure_id, shard, ports, summary):
            _remove_old(shard, ports)
        ports.ledger.settle(erasure_id, shard.shard_id)
    return summary


def _is_replaced(erasure_id: int, shard: ErasureShard, ports: RewritePorts, summary: RewriteSummary) -> bool:
    """Whether the shard's old file may go. One that had none of it is not ours to remove, whoever claims it now."""
    rewriting = ports.ledger.rewriting(shard.shard_id)
    if rewriting is None:
        return True  # its time was over before
    source = ports.archive.open(rewriting.path).read
    members = list(members_in(source, rewriting.path))
    erased = ports.ledger.erased({each.photo_id for each in members if each.photo_id is not None})
    remainder = without(members, erased)
    if not erased:
        summary.untouched += 1
    elif remainder.members:
        ports.ledger.switch(erasure_id, rewriting, _write(rewriting, source, remainder, ports), remainder)
        summary.rewritten += 1
    else:
        ports.ledger.retire(erasure_id, rewriting)
        summary.retired += 1
    logger.info("shard=%d members=%d kept=%d", shard.shard_id, len(members), len(remainder.members))
    return bool(erased)


def _remove_old(shard: ErasureShard, ports: RewritePorts) -> None:
    ports.ledger.let_readers_finish(shard.shard_id)
    if not ports.ledger.is_needed(shard.path):
        ports.archive.delete(shard.path)


def _write(rewriting: Rewriting, source: ReadFile, remainder: Remainder, ports: RewritePorts) -> ShardFile:
    """The new file under its final name, known to be on disk as it was meant."""
    staging, path = rewrite_staging_path(ports.archive_root, rewriting), rewrite_path(rewriting)
    written = sha256()
    file = ports.archive.create(staging)
    for piece in _content(source, remainder):
        file.write(piece)
        written.update(piece)
    file.close()
    ports.archive.rename(staging, path)
    _check(path, remainder, written.digest(), ports)
    return ShardFile(path, remainder.length)


def _content(source: ReadFile, remainder: Remainder) -> Iterator[bytes]:
    for begin, end in remainder.runs:
        yield from _pieces(source, begin, end)
    yield END_OF_ARCHIVE


def _pieces(read: ReadFile, begin: int, end: int) -> Iterator[bytes]:
    for at in range(begin, end, PIECE_BYTES):
        yield read(at, min(PIECE_BYTES, end - at))


def _check(path: str, remainder: Remainder, written: bytes, ports: RewritePorts) -> None:
    """Read it back: byte for byte what was written, and member for member what was to stay."""
    if ports.archive.length(path) != remainder.length:
        raise ArchiveMemberError(path, f"is not the {remainder.length} bytes long that were written")
    read = ports.archive.open(path).read
    there = sha256()
    for piece in _pieces(read, 0, remainder.length):
        there.update(piece)
    if there.digest() != written:
        raise ArchiveMemberError(path, "is not what was written")
    if tuple(members_in(read, path)) != remainder.members:
        raise ArchiveMemberError(path, "has other members than it should")
