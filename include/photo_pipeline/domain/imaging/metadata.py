"""The little of a photo's metadata that is kept: camera and time. Places and serial numbers are never read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from PIL import ExifTags, Image

from photo_pipeline.domain.imaging.geometry import known_orientation

_MAX_CAMERA = 100
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
_NOT_DIGITS = re.compile(r"\D+")
_TIME_DIGITS = 14
_EARLIEST_YEAR = 1826
"""The year of the oldest photograph that survives; scanned prints carry the time of the exposure."""

_TIMES = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized),
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
    for time_tag, offset_tag in _TIMES:
        taken_at = _local_time(_text(tags.get(time_tag)))
        if taken_at is not None:
            offset = _text(tags.get(offset_tag))
            return taken_at, offset if _OFFSET.fullmatch(offset) else None
    return None, None


def _local_time(text: str) -> str | None:
    """``YYYY:MM:DD HH:MM:SS``, with whatever separators the camera's maker preferred."""
    digits = _NOT_DIGITS.sub("", text)
    if len(digits) < _TIME_DIGITS:
        return None
    try:
        moment = datetime.strptime(digits[:_TIME_DIGITS], "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone is unknown
    except ValueError:
        return None
    return moment.isoformat() if moment.year >= _EARLIEST_YEAR else None


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
