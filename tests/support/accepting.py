"""Accepts photos as the upload API does, and asks for them by their receipts as it does."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from joserfc.jwk import OKPKey
from prometheus_client import CollectorRegistry
from tests.support.pipeline import Pipeline

from photo_pipeline.adapters.kafka import AsyncKafkaPhotoLogWriter
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.domain.gallery import ReceiptStatus
from photo_pipeline.domain.photo import Source
from photo_pipeline.web.acceptance import IncomingPhoto, PhotoAcceptance
from photo_pipeline.web.fair_lanes import FairLanes
from photo_pipeline.web.metrics import AcceptanceMetrics
from photo_pipeline.web.tokens import Tokens

ACKNOWLEDGE_SECONDS = 20.0


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Door:
    """Where a test's photos come in, and where it asks what became of them."""

    pipeline: Pipeline
    tokens: Tokens
    gallery: PostgresGallery
    lanes: FairLanes | None = None

    def accept(self, customer_id: UUID, *photos: bytes, source: Source = Source.UPLOAD) -> list[str]:
        """Photos by the path of both web applications; their receipts' tokens."""
        return asyncio.run(self._accept(customer_id, photos, source))

    def statuses(self, tokens: Sequence[str]) -> list[ReceiptStatus]:
        """What became of these receipts."""
        return list(self.gallery.receipts([self.tokens.verify_receipt(token) for token in tokens]))

    def states(self, tokens: Sequence[str]) -> dict[str, int]:
        """How many receipts say what."""
        return dict(Counter(str(status.state) for status in self.statuses(tokens)))

    async def _accept(self, customer_id: UUID, photos: Sequence[bytes], source: Source) -> list[str]:
        topics = self.pipeline.settings.topics
        writer = AsyncKafkaPhotoLogWriter(self.pipeline.settings.kafka, ACKNOWLEDGE_SECONDS)
        acceptance = PhotoAcceptance(
            writer=writer,
            topic=topics.uploaded if source is Source.UPLOAD else topics.streamed,
            source=source,
            tokens=self.tokens,
            clock=WallClock(),
            new_id=uuid4,
            metrics=AcceptanceMetrics(CollectorRegistry()),
            lanes=self.lanes,
        )
        try:
            signed = [
                await acceptance.accept(
                    IncomingPhoto(customer_id=customer_id, origin="/tests", filename="a.jpg", sent_at=None, data=each)
                )
                for each in photos
            ]
        finally:
            await writer.close()
        return [each.token for each in signed]


@contextmanager
def open_door(pipeline: Pipeline, lanes: FairLanes | None = None) -> Iterator[Door]:
    """A way in, with a signing key of its own."""
    engine = make_engine(pipeline.database.api, "tests")
    key = OKPKey.generate_key("Ed25519", private=True)
    key.ensure_kid()
    try:
        yield Door(pipeline, Tokens([key], WallClock()), PostgresGallery(engine), lanes)
    finally:
        engine.dispose()
