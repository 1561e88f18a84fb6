"""What waits in Kafka, for whoever looks at it: counted and dated without reading a record."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from photo_pipeline.adapters.kafka.ages import KafkaAppendTimes
from photo_pipeline.adapters.kafka.client import admin_client
from photo_pipeline.adapters.kafka.reader import KafkaPhotoLogReader
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.domain.photos_page import Waiting
from photo_pipeline.settings import KafkaSettings


class KafkaBacklog:
    """The ``Backlog`` port on Kafka. Used by one thread at a time."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        self._topics = topics
        self._reader = KafkaPhotoLogReader(settings)
        self._times = KafkaAppendTimes(admin_client(settings))

    def waiting(self, progress: Mapping[TopicPartition, int], now: datetime) -> Mapping[TopicPartition, Waiting]:
        """See the port."""
        watermarks = self._reader.watermarks(self._topics)
        starts = {where: max(progress.get(where, marks.low), marks.low) for where, marks in watermarks.items()}
        records = {where: max(0, marks.high - starts[where]) for where, marks in watermarks.items()}
        times = self._times.of({where: starts[where] for where, count in records.items() if count}, now)
        return {where: Waiting(count, times.get(where)) for where, count in records.items()}
