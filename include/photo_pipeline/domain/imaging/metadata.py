"""The little of a photo's metadata that is kept: camera and time. Places and serial numbers are never read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from PIL import ExifTags, Image

from photo_pipeline.domain.imaging.geometry import known_orientation

_MAX_CAMERA = 100
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
_TIME = re.compile(
    r"(?P<year>\d{4})\D{0,2}(?P<month>\d{1,2})\D{0,2}(?P<day>\d{1,2})\D{0,3}"
    r"(?P<hour>\d{1,2})\D?(?P<minute>\d{2})(?:[^\d+-]?(?P<second>\d{2}))?(?:[.,](?P<fraction>\d{1,9}))?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)? ?(?P<zone>Z|[+-]\d{2}:?\d{2})?(?!\d)"
)
"""With whatever separators the camera's maker preferred, or none; some leave the seconds out."""
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_NOON = 12
_EARLIEST_YEAR = 1826
"""The year of the oldest photograph that survives; scanned prints carry the time of the exposure."""

_TIMES = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal, ExifTags.Base.SubsecTimeOriginal),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized, ExifTags.Base.SubsecTimeDigitized),
)
"""When the shutter opened, else when it was digitised. ``DateTime`` is when the file was last changed: no answer."""


@dataclass(frozen=True, slots=True)
class Exif:
    """What is kept of a photo's EXIF block; ``taken_at`` is ISO 8601 local time without a zone."""

    orientation: int
    camera: str | None
    taken_at: str | None
    taken_at_offset: str | None


def read_exif(exif: Image.Exif) -> Exif:
    """Pick what is kept out of a parsed EXIF block. May raise whatever a broken block makes the parser raise."""
    taken_at, offset = _taken(exif.get_ifd(ExifTags.IFD.Exif))
    return Exif(
        orientation=known_orientation(exif.get(ExifTags.Base.Orientation)),
        camera=_camera(_text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))),
        taken_at=taken_at,
        taken_at_offset=offset,
    )


def _taken(tags: Mapping[int, object]) -> tuple[str | None, str | None]:
    for time_tag, offset_tag, fraction_tag in _TIMES:
        taken_at, zone = _local_time(_text(tags.get(time_tag)), _text(tags.get(fraction_tag)))
        if taken_at is not None:
            offset = _text(tags.get(offset_tag))
            return taken_at, offset if _OFFSET.fullmatch(offset) else zone
    return None, None


def _local_time(text: str, fraction: str) -> tuple[str | None, str | None]:
    """The time, and the zone that some programs write behind it: ``YYYY:MM:DD HH:MM:SS``, or what comes near it."""
    found = _TIME.match(text)
    if found is None:
        return None, None
    year, month, day, hour, minute, second = (int(found[name] or 0) for name in _PARTS)
    try:
        moment = datetime(year, month, day, _of_24(hour, found["half"]), minute, second)  # noqa: DTZ001 - unknown zone
    except ValueError:
        return None, None
    if moment.year < _EARLIEST_YEAR:
        return None, None
    digits = found["fraction"] or fraction
    moment = moment.replace(microsecond=int(digits[:6].ljust(6, "0")) if digits.isascii() and digits.isdigit() else 0)
    return moment.isoformat(), _zone(found["zone"])


def _zone(text: str | None) -> str | None:
    if text is None:
        return None
    zone = "+00:00" if text == "Z" else f"{text[:3]}:{text[-2:]}"
    return zone if _OFFSET.fullmatch(zone) else None


def _of_24(hour: int, half: str | None) -> int:
    """The hour of a whole day. "PM" behind an hour of 24 says nothing new."""
    if half is None or hour > _NOON:
        return hour
    return hour % _NOON + (_NOON if half[0] in "Pp" else 0)


def _camera(make: str, model: str) -> str | None:
    """Make and model as one would say them: not "Canon Canon EOS R5", nor "NIKON CORPORATION NIKON D90"."""
    first_word = make.split(" ", maxsplit=1)[0].casefold()
    if first_word and model.casefold().startswith(first_word):
        make = ""
    return " ".join(filter(None, (make, model)))[:_MAX_CAMERA].strip() or None


def _text(value: object) -> str:
    """A tag's text in one line, without control characters, unpaired surrogates or padding."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if not isinstance(value, str):
        return ""
    return " ".join("".join(_printable(value.split("\0")[0])).split())


def _printable(text: str) -> Iterator[str]:
    for char in text:
        yield char if char.isprintable() else " "
