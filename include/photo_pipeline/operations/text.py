"""Figures as people read them."""

from datetime import UTC, datetime, timedelta

from photo_pipeline.bi.text import byte_text

NONE = "-"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def number(value: float) -> str:
    """A count with its thousands."""
    return f"{value:,.0f}"


def plural(count: int, noun: str) -> str:
    """A count and what is counted."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(value: float | None) -> str:
    """Bytes in a decimal unit."""
    return NONE if value is None else byte_text(value)


def moment(value: datetime | None) -> str:
    """A time in UTC, to the second."""
    return NONE if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def age(span: timedelta) -> str:
    """A span in its two largest units, as in ``3 h 5 min``."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"
