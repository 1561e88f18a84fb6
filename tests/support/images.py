"""Makes the images that tests, benchmarks and demonstrations need: every format, and everything that can be wrong.

Everything is made from a seed, so two runs give the same bytes.
"""

import os
import random
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pillow_heif
from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageStat

from photo_pipeline.domain.imaging import SniffedFormat

ORIENTATIONS = range(1, 9)
SECRET_SERIAL = "SN-4711-0815"
SECRET_OWNER = "Erika Mustermann"
SECRET_COMMENT = b"taken at home, do not share"
SECRET_PLACE = "N52-31-12.0-SECRET"

_TO_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that was held that way would have stored an upright picture."""


def samples_folder() -> Path | None:
    """The real photographs that are not part of the project: ``$PHOTO_SAMPLES``, else ``../shared/photos``."""
    named = os.environ.get("PHOTO_SAMPLES")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "photos"
    return folder if folder.is_dir() else None


def scene(width: int, height: int, seed: int = 0, grain: int = 0) -> Image.Image:
    """A picture with soft colours, edges and texture, unlike itself in every orientation.

    Args:
        width: pixels.
        height: pixels.
        seed: another one gives another picture.
        grain: standard deviation of pixel noise, as a sensor would add; makes files larger and slower to decode.
    """
    numbers = random.Random(seed)  # noqa: S311 - repeatable pictures, not secrets
    coarse = Image.frombytes("RGB", (9, 7), numbers.randbytes(9 * 7 * 3))
    picture = coarse.resize((width, height), Image.Resampling.BICUBIC)
    grid = (max(2, width // 16), max(2, height // 16))
    fine = Image.frombytes("RGB", grid, numbers.randbytes(grid[0] * grid[1] * 3)).resize((width, height))
    picture = Image.blend(picture, fine, 0.15)
    draw = ImageDraw.Draw(picture)
    for _ in range(24):
        left, top = numbers.randrange(width), numbers.randrange(height)
        right, bottom = left + numbers.randrange(1, width // 5 + 2), top + numbers.randrange(1, height // 5 + 2)
        draw.ellipse((left, top, right, bottom), fill=tuple(numbers.randbytes(3)))
    draw.rectangle((0, 0, width // 4, height // 4), fill=(210, 30, 40))
    if grain:
        noise = Image.frombytes("L", (width, height), numbers.randbytes(width * height)).point(_normal(grain))
        picture = ImageChops.add(picture, Image.merge("RGB", (noise, noise, noise)), 1, -128)
    return picture


def _normal(deviation: int) -> list[int]:
    """Make even bytes normal ones around 128: Pillow's own noise is another one in each process."""
    spread = NormalDist(128, deviation)
    return [min(max(round(spread.inv_cdf((byte + 0.5) / 256)), 0), 255) for byte in range(256)]


HASTY = {"preset": "ultrafast"}
"""How a HEIF is encoded: by default, x265 takes seven times as long to find the smallest file."""


def encoded(image: Image.Image, kind: SniffedFormat | str, **options: Any) -> bytes:
    """The image as a file of that format."""
    file = BytesIO()
    if kind == SniffedFormat.HEIF:
        pillow_heif.from_pillow(image).save(file, **{"quality": 90, "enc_params": HASTY, **options})
    else:
        image.save(file, str(kind).upper(), **options)
    return file.getvalue()


def one_of_each(width: int = 320, height: int = 213, seed: int = 0) -> dict[SniffedFormat, bytes]:
    """The same scene in every supported format."""
    picture = scene(width, height, seed)
    return {kind: encoded(picture, kind) for kind in SniffedFormat}


def exif_block(
    *,
    orientation: int | None = None,
    make: str = "",
    model: str = "",
    taken: str = "",
    offset: str = "",
    secrets: bool = False,
) -> Image.Exif:
    """An EXIF block; with ``secrets`` it holds a place, a serial number and an owner."""
    exif = Image.Exif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    plain = ((ExifTags.Base.Make, make), (ExifTags.Base.Model, model), (ExifTags.Base.Orientation, orientation))
    exif.update({tag: value for tag, value in plain if value})
    times = ((ExifTags.Base.DateTimeOriginal, taken), (ExifTags.Base.OffsetTimeOriginal, offset))
    details.update({tag: value for tag, value in times if value})
    if secrets:
        details[ExifTags.Base.BodySerialNumber] = SECRET_SERIAL
        details[ExifTags.Base.CameraOwnerName] = SECRET_OWNER
        exif[ExifTags.Base.Artist] = SECRET_OWNER
        exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 31.0, 12.0), 29: SECRET_PLACE})
    return exif


def stored_sideways(upright: Image.Image, orientation: int) -> Image.Image:
    """The pixels as a camera stores them when it notes this EXIF orientation."""
    method = _TO_STORED.get(orientation)
    return upright if method is None else upright.transpose(method)


def opened(data: bytes) -> Image.Image:
    """A rendition, decoded."""
    image = Image.open(BytesIO(data), formats=["JPEG"])
    image.load()
    return image


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of the same size, in steps of 255."""
    assert one.size == other.size
    return float(max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean))


def truncated(data: bytes, share: float) -> bytes:
    """The first part of a file."""
    return data[: int(len(data) * share)]


def png(header: bytes, pixels: bytes, *further: tuple[bytes, bytes]) -> bytes:
    """A PNG put together by hand: the header's and the (compressed) pixels' content, and further chunks before them."""
    chunks = ((b"IHDR", header), *further, (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims any size: a pixel bomb."""
    return png(struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), zlib.compress(bytes(64)))


def tiff(size: tuple[int, int], planes: Sequence[bytes], tags: Mapping[int, Sequence[int]]) -> bytes:
    """A little-endian TIFF put together by hand: one uncompressed strip for each plane, and whatever tags say of it."""
    at = 8 + sum(map(len, planes))
    places = [8 + sum(map(len, planes[:index])) for index in range(len(planes))]
    entries = {256: [size[0]], 257: [size[1]], 259: [1], 273: places, 278: [size[1]], 279: [len(p) for p in planes]}
    entries |= {tag: list(values) for tag, values in tags.items()}
    begins = at + 2 + 12 * len(entries) + 4
    directory, values_behind = struct.pack("<H", len(entries)), b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, values_behind = struct.pack("<I", begins + len(values_behind)), values_behind + packed
        directory += struct.pack("<HHI", tag, 4, len(values)) + packed
    return struct.pack("<2sHI", b"II", 42, at) + b"".join(planes) + directory + bytes(4) + values_behind


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def jpeg_claiming(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header lies about its size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\nshowpage\n%%EOF\n"
"""A program for a printer: whoever offers this to Ghostscript runs it."""


@dataclass(frozen=True, slots=True)
class Poison:
    """A file that is no usable photo, and what should be said of it."""

    name: str
    data: bytes
    reasons: frozenset[str]


def poison(seed: int = 0) -> Sequence[Poison]:
    """Files that each break something: bombs, cuts, lies, texts under false names."""
    numbers = random.Random(seed)  # noqa: S311 - repeatable pictures, not secrets
    photos = one_of_each(seed=seed)
    jpeg = photos[SniffedFormat.JPEG]
    bad = {"truncated", "corrupt"}
    cut = [Poison(f"cut.{kind}", truncated(data, 0.6), frozenset(bad)) for kind, data in photos.items()]
    return [
        Poison("empty.jpg", b"", frozenset({"empty"})),
        Poison("text.jpg", b"Dear Sir or Madam,\n" * 20, frozenset({"not_an_image"})),
        Poison("noise.jpg", b"\0" + numbers.randbytes(5000), frozenset({"not_an_image"})),
        Poison("program.eps.jpg", EPS, frozenset({"not_an_image"})),
        Poison("bomb.png", png_claiming(30_000, 30_000), frozenset({"too_many_pixels"})),
        Poison("wide.png", png_claiming(2_000_000, 2), frozenset({"too_many_pixels"})),
        Poison("lying.png", png_claiming(4000, 3000), frozenset(bad)),
        Poison("huge.jpg", jpeg_claiming(jpeg, 65_000, 65_000), frozenset({"too_many_pixels"})),
        Poison("head-only.jpg", jpeg[:300], frozenset(bad)),
        Poison("tail-noise.jpg", b"\xff\xd8\xff" + numbers.randbytes(4000), frozenset({*bad, "too_many_pixels"})),
        *cut,
    ]


@dataclass(frozen=True, slots=True)
class Oddity:
    """A file that is strange and yet a photo: it must be processed."""

    name: str
    data: bytes


def oddities(seed: int = 0) -> Sequence[Oddity]:
    """Photos with more around them than decoders expect."""
    picture = scene(96, 64, seed)
    jpeg, png_file = encoded(picture, "jpeg"), encoded(picture, "png")
    maker_note = exif_block(make="Canon")
    maker_note.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = random.Random(seed).randbytes(60_000)  # noqa: S311 - not secret
    texts = b"".join(png_chunk(b"tEXt", b"Comment\0" + str(number).encode()) for number in range(20_000))
    after_header = len(b"\x89PNG\r\n\x1a\n") + 25
    return [
        Oddity("endless.gif", _with_frames(encoded(Image.new("1", (96, 64), 1), "gif"), 1500)),
        Oddity("maker-note.jpg", encoded(picture, "jpeg", exif=maker_note)),
        Oddity("circular-exif.jpg", encoded(picture, "jpeg", exif=_circular_exif())),
        Oddity("deep-exif.jpg", encoded(picture, "jpeg", exif=_chained_exif(2000))),
        Oddity("chatty.png", png_file[:after_header] + texts + png_file[after_header:]),
        Oddity("padded.jpg", jpeg[:2] + b"\xff\xfe\x40\x02" + bytes(16_384) + jpeg[2:]),
        Oddity("followed.jpg", jpeg + bytes(2_000_000)),
        Oddity("two-in-one.jpg", jpeg + jpeg),
    ]


def _with_frames(gif: bytes, count: int) -> bytes:
    """A GIF of one frame with that frame again and again; Pillow would compare each with the one before."""
    screen = 6 + 7
    colours = 3 << (gif[10] & 7) + 1 if gif[10] & 0x80 else 0
    head, frame = gif[: screen + colours], gif[screen + colours : -1]
    return head + frame * count + gif[-1:]


def _circular_exif() -> bytes:
    """A directory that names itself as its sub-directories."""
    entries = [(tag, 4, 1, 8) for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop)]
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + body + struct.pack("<I", 8)


def _chained_exif(depth: int) -> bytes:
    """Directories within directories."""
    step = 2 + 12 + 4
    chain = [struct.pack("<HHHIII", 1, ExifTags.IFD.Exif, 4, 1, 8 + step * (at + 1), 0) for at in range(depth)]
    return b"Exif\0\0II*\0\x08\0\0\0" + b"".join(chain) + bytes(6)
