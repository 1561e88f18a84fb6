"""The ids of topics, asked of a Kafka that does not answer."""

import asyncio
import threading

from photo_pipeline.adapters.kafka.topic_ids import PATIENCE_SECONDS, TopicIds
from photo_pipeline.settings import KafkaSettings

PHOTOS = 20


class Silent(TopicIds):
    """Kafka, while the broker that is asked is cut off."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(bootstrap_servers="127.0.0.1:9"))
        self.healed = threading.Event()
        self.asked = 0

    def _ask(self, topic: str) -> str | None:
        self.asked += 1
        self.healed.wait()
        return f"id of {topic}"


def test_a_broker_that_is_silent_is_waited_for_once() -> None:
    """Not by each photo anew: sixty of them would take a minute. Its answer serves as soon as it is there."""
    ids = Silent()

    async def ask() -> str | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS * PHOTOS / 2):
                assert [await ids.of("photos.uploaded") for _ in range(PHOTOS)] == [None] * PHOTOS
        finally:
            ids.healed.set()
        await ids._questions["photos.uploaded"].answer
        return await ids.of("photos.uploaded")

    assert (asyncio.run(ask()), ids.asked) == ("id of photos.uploaded", 1)
