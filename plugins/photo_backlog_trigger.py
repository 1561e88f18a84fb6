"""The trigger behind ``photo_ingest``: it wakes the DAG when Kafka holds photos that nobody works on.

An event carries no data. A lost one costs time, never a photo: the DAG's timer finds the same backlog in the ledger.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

if TYPE_CHECKING:
    from photo_pipeline.domain.photo import TopicPartition

logger = logging.getLogger(__name__)

Backlog = Mapping["TopicPartition", tuple[int, int]]
"""The partitions in which something waits: how much, and where each ends. One photo is told from the next by that, and
what a slice has left over from what nobody has taken up."""


class PhotoBacklogTrigger(BaseEventTrigger):
    """Asks Kafka and the ledger every ``poll_seconds`` whether records wait that no live slice covers.

    Args:
        topics: the topics to watch.
        poll_seconds: seconds between two looks.
        quiet_seconds: the least time between two events, so that a steady stream becomes micro-batches and not one run
            for each photo. The first photo after a pause wakes the DAG at once.
        repeat_seconds: the least time after which the very same backlog is worth another event: the run that the first
            one woke needs some seconds before it has planned it.
    """

    def __init__(
        self,
        topics: list[str],
        poll_seconds: float = 1.0,
        quiet_seconds: float = 5.0,
        repeat_seconds: float = 30.0,
    ) -> None:
        super().__init__()
        self.topics = topics
        self.poll_seconds = poll_seconds
        self.quiet_seconds = quiet_seconds
        self.repeat_seconds = repeat_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer makes it again."""
        return (
            "photo_backlog_trigger.PhotoBacklogTrigger",
            {
                "topics": self.topics,
                "poll_seconds": self.poll_seconds,
                "quiet_seconds": self.quiet_seconds,
                "repeat_seconds": self.repeat_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event whenever there is something to plan. Servers that are away are asked again, not given up."""
        last_event, announced = float("-inf"), dict[object, int]()
        look: Callable[[], Backlog] | None = None
        while True:
            try:
                look = look or await asyncio.to_thread(_backlog_looker, self.topics)
                waiting = await asyncio.to_thread(look)
            except Exception:
                # Whatever it was: a watcher that ends is not started again.
                logger.warning("backlog not seen, will look again", exc_info=True)
                waiting = {}
            now = time.monotonic()
            pause = self.repeat_seconds if waiting == announced else self.quiet_seconds
            if waiting and now - last_event >= pause:
                last_event, announced = now, dict(waiting)
                yield TriggerEvent({"waiting_partitions": len(waiting)})
            await asyncio.sleep(self.poll_seconds)


def _backlog_looker(topics: list[str]) -> Callable[[], Backlog]:
    """A function that looks once; connections are made here, in the thread that may wait for them."""
    from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
    from photo_pipeline.adapters.postgres.engine import make_engine
    from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
    from photo_pipeline.composition.ingest import lanes
    from photo_pipeline.orchestration.connections import pipeline_settings

    settings = pipeline_settings()
    reader = KafkaPhotoLogReader(settings.kafka)
    ledger = PostgresIngestLedger(make_engine(settings.database, "photo_backlog_trigger"))

    def look() -> Backlog:
        watermarks = reader.watermarks(topics)
        backlog = ledger.backlog(watermarks, lanes(settings))
        return {waiting: (records, watermarks[waiting].high) for waiting, records in backlog.items()}

    return look
