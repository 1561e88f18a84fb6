"""The ids of topics, asked of a Kafka that does not answer."""

import asyncio
import threading

from photo_pipeline.adapters.kafka.topic_ids import PATIENCE_SECONDS, TopicFacts, TopicIds
from photo_pipeline.settings import KafkaSettings

PHOTOS = 20


class Silent(TopicIds):
    """Kafka, while the broker that is asked is cut off."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(bootstrap_servers="127.0.0.1:9"))
        self.healed = threading.Event()
        self.asked = 0

    def _ask(self, topic: str) -> TopicFacts | None:
        self.asked += 1
        self.healed.wait()
        return TopicFacts(f"id of {topic}", 6)


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


def test_how_many_partitions_is_remembered_while_kafka_is_asked_again() -> None:
    """Whoever knows it does not wait for a Kafka that has fallen silent since."""
    ids = Silent()

    async def ask() -> list[int | None]:
        ids.healed.set()
        before = await ids.partitions("photos.uploaded")
        ids.healed.clear()
        ids._questions.clear()
        try:
            found = [before, await ids.partitions("photos.uploaded")]
        finally:
            ids.healed.set()
        await ids._questions["photos.uploaded"].answer
        return found

    assert (asyncio.run(ask()), ids.asked) == ([6, 6], 2)
