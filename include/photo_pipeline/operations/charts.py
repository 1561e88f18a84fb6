"""Outcomes over time as a picture that needs no script: SVG with classes, coloured by the page's style sheet. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from photo_pipeline.domain.photos_page import OutcomeCount

OUTCOMES = ("processed", "duplicate", "rejected")
"""In the order in which they are stacked."""

WIDTH, HEIGHT = 640.0, 220.0
_LEFT, _BOTTOM, _TOP = 44.0, 26.0, 10.0
_GAP = 0.16
_TICKS = 4
_LABELS = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle: one outcome's part of a bar, in the picture's units."""

    outcome: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval. ``title`` says all of it in words."""

    title: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A label and where it stands along its axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """An interval as a line of the table beside the picture."""

    label: str
    counts: tuple[int, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Outcomes of a window.

    Attributes:
        bars: one for each interval, empty ones too.
        ticks: of the vertical axis.
        labels: of the horizontal axis.
        rows: the same in figures, without empty intervals.
        totals: per outcome.
        sources: records per source.
        bytes: of all.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    rows: tuple[Row, ...]
    totals: Mapping[str, int]
    sources: Mapping[str, int]
    bytes: int

    @property
    def records(self) -> int:
        """How many came in."""
        return sum(self.totals.values())


def chart_of(counts: Sequence[OutcomeCount], now: datetime, window: timedelta, interval: timedelta) -> Chart:
    """The outcomes of the window that ends at ``now``, stacked by interval.

    The first interval begins before the window and is not full: the picture shows what was counted, no more.
    """
    starts = _starts(now, window, interval)
    counted: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    octets: dict[datetime, int] = defaultdict(int)
    sources: dict[str, int] = defaultdict(int)
    for count in counts:
        counted[count.since][count.outcome] += count.records
        octets[count.since] += count.bytes
        sources[count.source] += count.records
    highest = max((sum(found.values()) for found in counted.values()), default=0)
    step = _step(highest)
    top = step * max(1, math.ceil(highest / step))
    form = "%H:%M" if interval < timedelta(hours=6) else "%d %b %H:%M"
    return Chart(
        bars=tuple(_bar(place, len(starts), start, counted[start], top, form) for place, start in enumerate(starts)),
        ticks=tuple(Mark(_y(value, top), _short(value)) for value in range(0, top + 1, step)),
        labels=_labels(starts, form),
        rows=tuple(_row(start, counted[start], octets[start], form) for start in reversed(starts) if counted[start]),
        totals={name: sum(found[name] for found in counted.values()) for name in OUTCOMES},
        sources=dict(sorted(sources.items())),
        bytes=sum(octets.values()),
    )


def _starts(now: datetime, window: timedelta, interval: timedelta) -> list[datetime]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = epoch + (now - window - epoch) // interval * interval
    return [first + place * interval for place in range((now - first) // interval + 1)]


def _step(highest: int) -> int:
    """A round number that divides the axis into a few parts."""
    rough = max(1.0, highest / _TICKS)
    power: int = 10 ** int(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def _bar(place: int, places: int, start: datetime, found: Mapping[str, int], top: int, form: str) -> Bar:
    slot = (WIDTH - _LEFT) / places
    pieces, below = [], 0
    for outcome in OUTCOMES:
        records = found.get(outcome, 0)
        if records:
            y, base = _y(below + records, top), _y(below, top)
            x = round(_LEFT + slot * (place + _GAP / 2), 2)
            pieces.append(Piece(outcome, x, y, round(slot * (1 - _GAP), 2), round(base - y, 2)))
        below += records
    parts = ", ".join(f"{found.get(outcome, 0):,} {outcome}" for outcome in OUTCOMES)
    return Bar(f"{start.strftime(form)} UTC: {parts}", tuple(pieces))


def _short(value: int) -> str:
    """A round number that fits beside the axis."""
    for size, mark in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:g}{mark}"
    return str(value)


def _labels(starts: Sequence[datetime], form: str) -> tuple[Mark, ...]:
    slot = (WIDTH - _LEFT) / len(starts)
    every = math.ceil(len(starts) / _LABELS)
    short = form.removesuffix(" %H:%M")
    return tuple(
        Mark(round(_LEFT + slot * (place + 0.5), 2), starts[place].strftime(short))
        for place in range(every // 2, len(starts), every)
    )


def _row(start: datetime, found: Mapping[str, int], octets: int, form: str) -> Row:
    return Row(start.strftime(form), tuple(found.get(outcome, 0) for outcome in OUTCOMES), octets)


def _y(value: int, top: int) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * value / top, 2)
