"""Builds what looking for lateness needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.kafka.ages import KafkaAppendTimes
from photo_pipeline.adapters.kafka.client import admin_client
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.metrics import PostgresFigures
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.composition.retention import clock_witnesses
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


@contextmanager
def lateness_ports(database: DatabaseSettings, kafka: KafkaSettings, hdfs: HdfsSettings) -> Iterator[LatenessPorts]:
    """Where it is looked for."""
    with engine_of(database, "photo_watch") as engine:
        yield LatenessPorts(
            figures=PostgresFigures(engine),
            reader=KafkaPhotoLogReader(kafka),
            ages=KafkaAppendTimes(admin_client(kafka)),
            clock=DatabaseClock(engine),
            clocks=clock_witnesses(engine, HdfsArchive(hdfs), hdfs.root),
            incoming=TopicNames().incoming,
        )
