"""Deriving again, beside an erasure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID

from tests.support.memory import MemoryArchive

from photo_pipeline.domain.photo import RecordCoordinates, Source
from photo_pipeline.domain.reprocess import Attempt, Mode, Request, SourcePhoto, SourceShard
from photo_pipeline.use_cases.reprocess import RederivePorts, rederive_shards

NOW = datetime(2026, 1, 2, tzinfo=UTC)
REQUEST = Request("run", Mode.RENDITIONS, NOW, NOW)
PLACE = RecordCoordinates("photos.uploaded", 0, 7)
PHOTO = SourcePhoto(UUID(int=1), UUID(int=2), "0" * 64, Source.UPLOAD, None, 5, NOW, PLACE, 512, 5)


@dataclass
class ErasedBeforeTheAttempt:
    """The ``RenditionLedger`` port: its only photo is erased just before the attempt begins."""

    photos_left: list[SourcePhoto] = field(default_factory=lambda: [PHOTO])

    def photos(self, _request: Request, _shard_id: int) -> Sequence[SourcePhoto]:
        """See the port."""
        return list(self.photos_left)

    def begin(self, request_id: str, shard_id: int) -> tuple[Attempt, Sequence[Attempt]]:
        """See the port."""
        self.photos_left.clear()
        return Attempt(1, request_id, SourceShard(shard_id, "/photos/old.tar", date(2026, 1, 1), is_hold=False)), []


def test_what_was_erased_before_the_attempt_is_not_read() -> None:
    """Erasing fences off the attempts that there are; one that begins later must not copy what it has seen before."""
    images = cast("Any", None)
    ports = RederivePorts(cast("Any", ErasedBeforeTheAttempt()), MemoryArchive(), images, "/photos")
    summary = rederive_shards(REQUEST, [1], ports, 1)
    assert (summary.moved, summary.damaged) == (0, [])
