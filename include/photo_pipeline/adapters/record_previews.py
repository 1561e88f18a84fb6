"""Pictures of rejected records, made by an image worker that is thrown away afterwards."""

from contextlib import closing
from threading import Lock

from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.adapters.image_workers.worker_time import TimeLimits
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.domain.errors import LogChangedError, MachineBusyError, OffsetOutOfRangeError
from photo_pipeline.domain.imaging import ImageLimits, ImageRejected
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, RecordCoordinates
from photo_pipeline.domain.photos_page import NoPreviewError
from photo_pipeline.settings import KafkaSettings

SECONDS = 10.0
KAFKA_SECONDS = 5.0
MEMORY_BYTES = 1024 * 1024 * 1024


class WorkerPreviews:
    """The ``Previews`` port: reads one record from Kafka and has an image worker re-encode it. One at a time.

    Args:
        settings: how to reach Kafka.
        seconds: CPU time that a decoder may take; twice as long may it wait for a busy machine.
    """

    def __init__(self, settings: KafkaSettings, seconds: float = SECONDS) -> None:
        self._reader = KafkaPhotoLogReader(settings, group="photos_page", idle_seconds=KAFKA_SECONDS)
        self._seconds = seconds
        self._busy = Lock()

    def jpeg(self, where: RecordCoordinates) -> bytes:
        """See the port.

        Raises:
            ServerUnavailableError: when Kafka is away.
        """
        if not self._busy.acquire(blocking=False):
            raise NoPreviewError("Another preview is being made. Try again in a moment.")
        try:
            return self._rendered(self._value(where))
        finally:
            self._busy.release()

    def _value(self, where: RecordCoordinates) -> bytes:
        records = self._reader.read(where.log, where.offset, where.offset + 1)
        try:
            with closing(records):  # type: ignore[type-var] # it is a generator, which closes its consumer
                record = next(iter(records), None)
        except OffsetOutOfRangeError as error:
            raise NoPreviewError("Kafka keeps records for seven days and has deleted this one.") from error
        except LogChangedError as error:
            raise NoPreviewError("The topic was made anew since: the record is gone with the old one.") from error
        if record is None or not record.value:
            raise NoPreviewError("The record is empty.")
        if len(record.value) > MAX_PHOTO_BYTES:
            raise NoPreviewError("The record is too large to be looked at.")
        return record.value

    def _rendered(self, data: bytes) -> bytes:
        times = TimeLimits(self._seconds, 2 * self._seconds)
        with WorkerPool(workers=1, limits=ImageLimits(), time_limits=times, memory_bytes=MEMORY_BYTES) as workers:
            try:
                return workers.submit(data).result().thumb.data
            except MachineBusyError as error:
                raise NoPreviewError("This machine is too busy for a preview. Try again in a moment.") from error
            except ImageRejected as error:
                raise NoPreviewError(f"No picture could be made of it: {error.reason.sentence}") from error
