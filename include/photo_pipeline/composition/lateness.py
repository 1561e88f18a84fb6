"""Builds what looking for lateness needs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from hdfs import Client

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.kafka.ages import KafkaAppendTimes
from photo_pipeline.adapters.kafka.client import admin_client
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.health import PostgresHealth
from photo_pipeline.adapters.postgres.metrics import PostgresFigures
from photo_pipeline.adapters.webhdfs import WebHdfsNamespace
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.composition.retention import clock_witnesses
from photo_pipeline.domain.health import Room
from photo_pipeline.settings import (
    DatabaseSettings,
    HdfsSettings,
    KafkaSettings,
    NoticeSettings,
    RetentionSettings,
    TopicNames,
)
from photo_pipeline.use_cases.lateness import LateAfter, LatenessPorts


def late_after(settings: NoticeSettings, retention: RetentionSettings) -> LateAfter:
    """How long things may take, and how far clocks may differ, before somebody is told."""
    return LateAfter(
        ingest=timedelta(minutes=settings.late_ingest_minutes),
        sync=timedelta(minutes=settings.late_sync_minutes),
        clocks=timedelta(seconds=retention.clock_tolerance_seconds),
    )


class ArchiveDisks:
    """The ``ArchiveRoom`` port. A NameNode that does not answer is found out when it is asked, and not before."""

    def __init__(self, connect: Callable[[], Client], root: str) -> None:
        self._connect = connect
        self._root = root

    def room(self) -> Room:
        """See the port."""
        return WebHdfsNamespace(self._connect(), self._root).room()


@contextmanager
def lateness_ports(
    database: DatabaseSettings, kafka: KafkaSettings, hdfs: HdfsSettings, webhdfs: Callable[[], Client]
) -> Iterator[LatenessPorts]:
    """Where it is looked for."""
    with engine_of(database, "photo_watch") as engine:
        yield LatenessPorts(
            figures=PostgresFigures(engine),
            reader=KafkaPhotoLogReader(kafka),
            ages=KafkaAppendTimes(admin_client(kafka)),
            clock=DatabaseClock(engine),
            clocks=clock_witnesses(engine, HdfsArchive(hdfs), hdfs.root),
            health=PostgresHealth(engine),
            room=ArchiveDisks(webhdfs, hdfs.root),
            incoming=TopicNames().incoming,
        )
