"""Builds what counting needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.tally import PostgresTally
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.settings import DatabaseSettings
from photo_pipeline.use_cases.tally import TallyPorts


@contextmanager
def tally_ports(database: DatabaseSettings) -> Iterator[TallyPorts]:
    """All that adding slices to their days needs."""
    with engine_of(database, "photo_tally") as engine:
        yield TallyPorts(PostgresTally(engine), DatabaseClock(engine))
