"""Photographs as customers send them: every format, many cameras, turned every way; and files that are no good.

All of it follows from the seed: the same bytes on every run.
"""

from __future__ import annotations

import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pillow_heif
from PIL import ExifTags, Image, ImageOps

from local_stack.demo.scenery import paint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DEFAULT_COUNT = 112
WORKERS = 2
BOMB_EDGE = 30_000
CAMERAS = (
    ("Canon", "Canon EOS R6"),
    ("NIKON CORPORATION", "NIKON Z 6_2"),
    ("SONY", "ILCE-7M4"),
    ("FUJIFILM", "X-T5"),
    ("Apple", "iPhone 15 Pro"),
    ("Google", "Pixel 8"),
    ("samsung", "Galaxy S23"),
    ("OM Digital Solutions", "OM-5"),
)
SIZES = ((1280, 960), (1600, 1200), (1024, 768), (1080, 1920), (2048, 1536), (960, 960), (1920, 1080), (800, 600))
LARGE = (4000, 3000)
FIRST_DAY = datetime(2025, 6, 1, 9, 30)  # noqa: DTZ001 - a camera's clock has no zone
# How a camera that was held that way stores an upright picture (EXIF 2.32, tag 274).
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file as a customer has it: its name and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph before it is a file.

    Attributes:
        number: Counted from 0; decides on everything else.
        scene: The upright picture.
        exif: Camera, time and, on some, the place.
    """

    number: int
    scene: Image.Image
    exif: Image.Exif


def make_photos(
    count: int = DEFAULT_COUNT, seed: int = 0, made: Callable[[], object] = lambda: None
) -> Sequence[PhotoFile]:
    """Return that many different photographs, in every format from 22 on.

    Args:
        count: How many.
        seed: Another seed gives other photographs.
        made: Called after each one.
    """

    def one(number: int) -> PhotoFile:
        file = make_photo(number, seed)
        made()
        return file

    with ThreadPoolExecutor(WORKERS) as pool:  # Pillow works outside the interpreter's lock
        return list(pool.map(one, range(count)))


def make_photo(number: int, seed: int = 0) -> PhotoFile:
    """Return the photograph of that number."""
    kind = KINDS[number % len(KINDS)]
    width, height = LARGE if number % len(KINDS) == 0 else SIZES[number % len(SIZES)]
    shot = Shot(number, paint(width, height, seed * 10_007 + number), _exif(number))
    extension, data = kind(shot)
    return PhotoFile(f"IMG_{number + 1:04}.{extension}", data)


def odd_files(seed: int = 0) -> Iterator[PhotoFile]:
    """Return files that no customer should get away with: each looks like a photo by its name."""
    numbers = random.Random(seed)  # noqa: S311 - repeatable noise, not a secret
    yield PhotoFile("letter.jpg", b"Dear grandmother,\nthe photos follow by mail.\n" * 40)
    yield PhotoFile("bomb.png", pixel_bomb(BOMB_EDGE, BOMB_EDGE))
    yield PhotoFile("static.jpg", b"\x00" + numbers.randbytes(20_000))
    yield PhotoFile("empty.jpg", b"")


def truncated_jpeg(seed: int = 0) -> PhotoFile:
    """Return a photograph that was cut off on its way: its header is fine, half of the picture is missing."""
    whole = make_photo(0, seed + 1).data
    return PhotoFile("cut-off.jpg", whole[: len(whole) // 2])


def pixel_bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header promises that many pixels (PNG specification, section 11.2.2)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _exif(number: int) -> Image.Exif:
    exif = Image.Exif()
    maker, model = CAMERAS[number % len(CAMERAS)]
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = maker, model
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = f"{FIRST_DAY + timedelta(hours=7 * number):%Y:%m:%d %H:%M:%S}"
    if number % 3 == 0:
        details[ExifTags.Base.OffsetTimeOriginal] = "+02:00"
    if number % 4 == 0:
        details[ExifTags.Base.BodySerialNumber] = f"{4711 + number}"
        exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (46.0, 33.0, 12.0), 3: "E", 4: (7.0, 58.0, 30.0)})
    return exif


def _within(shot: Shot, edge: int) -> Image.Image:
    return ImageOps.contain(shot.scene, (edge, edge))


def _saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def _jpeg(shot: Shot) -> tuple[str, bytes]:
    return "jpg", _saved(shot.scene, "JPEG", quality=88, exif=shot.exif)


def _progressive(shot: Shot) -> tuple[str, bytes]:
    return "jpeg", _saved(shot.scene, "JPEG", quality=85, progressive=True, exif=shot.exif)


def _turned(shot: Shot) -> tuple[str, bytes]:
    orientation = 2 + shot.number // len(KINDS) % 7
    shot.exif[ExifTags.Base.Orientation] = orientation
    return "JPG", _saved(shot.scene.transpose(STORED[orientation]), "JPEG", quality=88, exif=shot.exif)


def _sideways(shot: Shot) -> tuple[str, bytes]:
    shot.exif[ExifTags.Base.Orientation] = 6
    return "JPG", _saved(shot.scene.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=88, exif=shot.exif)


def _cmyk(shot: Shot) -> tuple[str, bytes]:
    return "jpg", _saved(shot.scene.convert("CMYK"), "JPEG", quality=88)


def _gray(shot: Shot) -> tuple[str, bytes]:
    return "jpg", _saved(shot.scene.convert("L"), "JPEG", quality=88, exif=shot.exif)


def _png(shot: Shot) -> tuple[str, bytes]:
    return "png", _saved(_within(shot, 640), "PNG", compress_level=1, exif=shot.exif)


def _png_16_bit(shot: Shot) -> tuple[str, bytes]:
    gray = _within(shot, 640).convert("L").convert("I").point(lambda value: value * 257)
    return "png", _saved(gray.convert("I;16"), "PNG", compress_level=1)


def _png_alpha(shot: Shot) -> tuple[str, bytes]:
    picture = _within(shot, 640).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return "png", _saved(picture, "PNG", compress_level=1)


def _palette(shot: Shot) -> tuple[str, bytes]:
    return "png", _saved(_within(shot, 640).quantize(64), "PNG")


def _webp(shot: Shot) -> tuple[str, bytes]:
    return "webp", _saved(shot.scene, "WEBP", quality=82, method=0, exif=shot.exif)


def _gif(shot: Shot) -> tuple[str, bytes]:
    frames = [_within(shot, 480).rotate(angle).quantize(64) for angle in (0, 3, 6)]
    return "gif", _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=200)


def _tiff(shot: Shot) -> tuple[str, bytes]:
    return "tif", _saved(_within(shot, 640), "TIFF", compression="tiff_lzw", exif=shot.exif)


def _tiff_cmyk(shot: Shot) -> tuple[str, bytes]:
    return "tiff", _saved(_within(shot, 640).convert("CMYK"), "TIFF", compression="tiff_lzw")


def _bmp(shot: Shot) -> tuple[str, bytes]:
    return "bmp", _saved(_within(shot, 640), "BMP")


def _avif(shot: Shot) -> tuple[str, bytes]:
    return "avif", _saved(_within(shot, 800), "AVIF", speed=10, quality=70, exif=shot.exif.tobytes())


def _heic(shot: Shot) -> tuple[str, bytes]:
    file = BytesIO()
    picture = pillow_heif.from_pillow(_within(shot, 1024))
    picture.save(file, quality=60, exif=shot.exif.tobytes(), enc_params={"preset": "ultrafast"})
    return "heic", file.getvalue()


KINDS: tuple[Callable[[Shot], tuple[str, bytes]], ...] = (
    _jpeg,
    _heic,
    _turned,
    _png,
    _jpeg,
    _webp,
    _progressive,
    _jpeg,
    _gif,
    _cmyk,
    _jpeg,
    _tiff,
    _sideways,
    _png_alpha,
    _avif,
    _jpeg,
    _bmp,
    _gray,
    _tiff_cmyk,
    _png_16_bit,
    _jpeg,
    _palette,
)
