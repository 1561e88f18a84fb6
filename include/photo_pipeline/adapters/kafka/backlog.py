"""What waits in Kafka, for whoever looks at it: counted and dated without reading a record."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from photo_pipeline.adapters.kafka.ages import KafkaAppendTimes
from photo_pipeline.adapters.kafka.client import admin_client
from photo_pipeline.adapters.kafka.reader import KafkaPhotoLogReader
from photo_pipeline.domain.figures import came_since, waiting_ranges
from photo_pipeline.domain.health import PACE
from photo_pipeline.domain.logs import KnownLog, LogTrouble, troubles
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.domain.photos_page import Waiting
from photo_pipeline.settings import KafkaSettings


class KafkaBacklog:
    """The ``Backlog`` port on Kafka. Each question is asked by one thread at a time."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        self._topics = topics
        self._reader = KafkaPhotoLogReader(settings)
        self._logs = KafkaPhotoLogReader(settings)
        self._times = KafkaAppendTimes(admin_client(settings))

    def waiting(self, known: Sequence[KnownLog], now: datetime) -> Mapping[TopicPartition, Waiting]:
        """See the port."""
        marks = self._reader.watermarks(self._topics)
        ranges = waiting_ranges(known, marks)
        times = self._times.of({where: found.start for where, found in ranges.items() if found}, now)
        came = came_since(marks, self._times.first_since(marks if times else (), now - PACE))
        return {
            where: Waiting(found.records, times.get(where), came[where]) if found else Waiting(0, None, came[where])
            for where, found in ranges.items()
        }

    def troubles(self, known: Sequence[KnownLog]) -> Sequence[LogTrouble]:
        """See the port."""
        return troubles(known, self._logs.watermarks(self._topics))
