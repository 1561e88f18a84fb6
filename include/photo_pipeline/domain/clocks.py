"""What time it is, by more than one clock.

A step that cannot be undone is taken only while the clocks of several machines agree. The time it goes by is the
earliest of theirs: a clock that is a little ahead then makes nothing go early.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from photo_pipeline.domain.errors import ClocksApartError, TooFewClocksError

WITNESSES = 2
"""How many clocks it takes at least."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one machine's clock shows. ``clock`` says whose it is, as people know it."""

    clock: str
    time: datetime


def apart(readings: Sequence[Reading]) -> timedelta:
    """How far the earliest and the latest of the clocks differ."""
    times = [reading.time for reading in readings]
    return max(times) - min(times)


def agreed_time(readings: Sequence[Reading], tolerance: timedelta) -> datetime:
    """The earliest of the times, where all agree.

    Raises:
        TooFewClocksError: when there are not two clocks to compare.
        ClocksApartError: when two of them differ by more than the tolerance.
    """
    if len(readings) < WITNESSES:
        raise TooFewClocksError(len(readings))
    if apart(readings) > tolerance:
        raise ClocksApartError(sentence(readings), tolerance)
    return min(reading.time for reading in readings)


def sentence(readings: Sequence[Reading]) -> str:
    """Names the clocks that differ most, by how much, and what each clock shows."""
    first = min(readings, key=lambda reading: reading.time)
    last = max(readings, key=lambda reading: reading.time)
    shown = ", ".join(f"{reading.clock} {reading.time:%Y-%m-%d %H:%M:%S}" for reading in readings)
    ahead = duration(last.time - first.time)
    return f"the clock of {last.clock} is {ahead} ahead of that of {first.clock} ({shown} UTC)"


def duration(length: timedelta) -> str:
    """For people: ``8 days 2 h``, ``3 h 5 min``, ``42 s``."""
    seconds = round(length.total_seconds())
    parts = ((seconds // 86400, "days"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    said = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(said[:2]) or "0 s"
