"""Builds what placing and lifting holds needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from photo_pipeline.adapters.postgres.holds import PostgresHoldRegister
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.settings import DatabaseSettings


@contextmanager
def hold_register(settings: DatabaseSettings) -> Iterator[PostgresHoldRegister]:
    """Where holds are kept, and whose photos are."""
    with engine_of(settings, "photo_hold") as engine:
        yield PostgresHoldRegister(engine)
