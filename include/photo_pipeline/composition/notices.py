"""Builds what telling people needs of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from photo_pipeline.adapters.postgres.notices import PostgresNoticeBook
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.settings import DatabaseSettings, NoticeSettings
from photo_pipeline.use_cases.notices import NoticeLimits


def notice_limits(settings: NoticeSettings) -> NoticeLimits:
    """When people are told again."""
    return NoticeLimits(
        failure_again=timedelta(hours=settings.failure_again_hours),
        discrepancy_again=timedelta(days=settings.discrepancy_again_days),
    )


@contextmanager
def notice_book(settings: DatabaseSettings) -> Iterator[PostgresNoticeBook]:
    """Where it is remembered who was told what."""
    with engine_of(settings, "photo_notices") as engine:
        yield PostgresNoticeBook(engine)
