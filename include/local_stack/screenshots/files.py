"""Makes a screenshot a small file: photographs as JPEG, text and charts as PNG with a palette."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from local_stack.screenshots.errors import PictureTooLargeError

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_BYTES = 150_000
QUALITIES = (88, 84, 80, 75, 70, 65)
COLOURS = (256, 128, 64)


def save(shot: bytes, path: Path) -> int:
    """Write a PNG screenshot as what the file's name says (``.jpg`` or ``.png``); return its length in bytes.

    Raises:
        PictureTooLargeError: It does not fit ``LIMIT_BYTES`` even at the lowest quality.
    """
    picture = Image.open(BytesIO(shot)).convert("RGB")
    data = b""
    for level in QUALITIES if path.suffix == ".jpg" else COLOURS:
        data = _jpeg(picture, level) if path.suffix == ".jpg" else _png(picture, level)
        if len(data) <= LIMIT_BYTES:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            return len(data)
    raise PictureTooLargeError(path, len(data), LIMIT_BYTES)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = BytesIO()
    # Letters in colour fray where colours are stored at half the size.
    picture.save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def _png(picture: Image.Image, colours: int) -> bytes:
    file = BytesIO()
    palette = picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(file, "PNG", optimize=True)
    return file.getvalue()
