"""TIFF samples that Pillow has no mode for, or whose mode does not say all: planar, floating, 12-bit, white as zero.

A plane of such a file is a grey picture, and so is a row of interleaved samples, only wider. Another directory behind
the file says just that, so Pillow reads it, whatever the compression is; the samples are put together here.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps, TiffImagePlugin

from photo_pipeline.domain.imaging.geometry import known_orientation
from photo_pipeline.domain.imaging.pixels import grey_bytes
from photo_pipeline.domain.imaging.tiff_directory import Layout, Tags, first_entries, first_page

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _STRIPS, _ORIENTATION, _SAMPLES, _STRIP_SIZES = (
    256,
    257,
    258,
    262,
    273,
    274,
    277,
    279,
)
_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILES, _TILE_SIZES, _EXTRA, _FORMAT = 284, 317, 322, 324, 325, 338, 339
_WANTED = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _STRIPS, _ORIENTATION, _SAMPLES, _STRIP_SIZES}
    | {_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILES, _TILE_SIZES, _EXTRA, _FORMAT}
)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _INKS = 0, 1, 5
_APART, _FLOATING = 2, 3
_BYTE = 8
_DROPPED = frozenset({_ORIENTATION, _PLANAR, _EXTRA})
_ASSOCIATED, _SEPARATE = 1, 2
_LONG, _LONG8 = 4, 16


@dataclass(frozen=True, slots=True)
class Samples:
    """How a picture's samples are stored."""

    tags: Tags

    def of(self, tag: int, otherwise: int) -> int:
        """The first value of a tag."""
        return next(iter(self.tags.get(tag, ())), otherwise)

    @property
    def count(self) -> int:
        """Samples of one pixel."""
        return self.of(_SAMPLES, 1)

    @property
    def apart(self) -> bool:
        """Each kind of sample has a plane of its own."""
        return self.count > 1 and self.of(_PLANAR, 1) == _APART

    @property
    def white_is_zero(self) -> bool:
        """The samples count darkness."""
        return self.of(_PHOTOMETRIC, _BLACK_IS_ZERO) == _WHITE_IS_ZERO

    @property
    def are_beyond_pillow(self) -> bool:
        """Pillow would refuse them, or show them wrongly."""
        bits = self.of(_BITS, 1)
        if bits <= _BYTE:
            return False
        if self.count == 1:
            return self.white_is_zero or bits == 12  # noqa: PLR2004 - read as if they had 16
        return self.apart or bits != 16 or self.of(_FORMAT, 1) == _FLOATING or self.count == 2  # noqa: PLR2004 - grey and alpha

    @property
    def mode(self) -> str:
        """Pillow's mode for these samples as bytes."""
        alpha = {_ASSOCIATED: "a", _SEPARATE: "A"}.get(self.of(_EXTRA, 0), "X")
        if self.of(_PHOTOMETRIC, _BLACK_IS_ZERO) == _INKS and self.count == 4:  # noqa: PLR2004 - four inks
            return "CMYK"
        mode = {1: "L", 2: "L" + alpha, 3: "RGB", 4: "RGB" + alpha}.get(self.count)
        if mode is None:
            raise NotImplementedError(f"a tiff with {self.count} samples a pixel")
        return mode


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture that was put together.

    Attributes:
        image: eight bits a sample, as stored.
        orientation: EXIF orientation that is still to be applied.
        source: what Pillow made of the file, for its metadata.
    """

    image: Image.Image
    orientation: int
    source: TiffImagePlugin.TiffImageFile


def read_planes(data: bytes) -> Planes | None:
    """The picture, or ``None`` where Pillow reads the file by itself.

    Raises:
        NotImplementedError: for samples that nothing here can read.
        OSError: and whatever else Pillow raises.
    """
    samples = Samples(first_page(data, _WANTED))
    if not samples.are_beyond_pillow:
        return None
    sources = [_grey_picture(data, samples, plane) for plane in range(samples.count if samples.apart else 1)]
    greys = [grey_bytes(source, samples.of(_BITS, 1)) for source in sources]
    image = Image.merge(samples.mode, greys) if samples.apart else _interleaved(greys[0], samples)
    if samples.white_is_zero:
        image = ImageOps.invert(image)
    return Planes(image, known_orientation(samples.of(_ORIENTATION, 1)), sources[0])


def _interleaved(wide: Image.Image, samples: Samples) -> Image.Image:
    return Image.frombytes(samples.mode, (wide.width // samples.count, wide.height), wide.tobytes())


def _grey_picture(data: bytes, samples: Samples, plane: int) -> TiffImagePlugin.TiffImageFile:
    """One plane, or all samples side by side, as Pillow reads it."""
    side_by_side = 1 if samples.apart else samples.count
    if side_by_side > 1 and samples.of(_PREDICTOR, 1) != 1:
        raise NotImplementedError("a tiff with interleaved samples that are predicted from each other")
    changed: dict[int, Sequence[int]] = {
        _WIDTH: [samples.of(_WIDTH, 0) * side_by_side],
        _BITS: [samples.of(_BITS, 1)],
        _PHOTOMETRIC: [_BLACK_IS_ZERO],
        _SAMPLES: [1],
        _FORMAT: [samples.of(_FORMAT, 1)],
    }
    if _TILE_WIDTH in samples.tags:
        changed[_TILE_WIDTH] = [samples.of(_TILE_WIDTH, 0) * side_by_side]
    for tag in (_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES):
        if tag in samples.tags:
            changed[tag] = _share(samples.tags[tag], samples.count if samples.apart else 1, plane)
    image = TiffImagePlugin.TiffImageFile(BytesIO(_with_directory(data, changed)))
    image.load()
    return image


def _share(values: Sequence[int], planes: int, plane: int) -> Sequence[int]:
    """What of a list of pieces belongs to one plane: they follow each other."""
    length = len(values) // planes
    return values[plane * length : (plane + 1) * length]


def _with_directory(data: bytes, changed: Mapping[int, Sequence[int]]) -> bytes:
    """The file with another first directory at its end: the old one's entries, some changed, some dropped."""
    layout = Layout.of(data)
    entries = {tag: raw for tag, raw in first_entries(data).items() if tag not in _DROPPED}
    begins = len(data) + len(data) % 2
    room = struct.calcsize(layout.order + layout.count) + (len(entries.keys() | changed) + 1) * layout.entry_size
    values = b""
    for tag, numbers in changed.items():
        entries[tag], behind = _entry(layout, tag, numbers, begins + room + len(values))
        values += behind
    directory = struct.pack(layout.order + layout.count, len(entries)) + b"".join(
        raw for _, raw in sorted(entries.items())
    )
    first = struct.pack(layout.order + layout.offset, begins)
    rest = data[layout.first_at + len(first) :].ljust(begins - layout.first_at - len(first), b"\0")
    return b"".join((data[: layout.first_at], first, rest, directory.ljust(room, b"\0"), values))


def _entry(layout: Layout, tag: int, numbers: Sequence[int], place: int) -> tuple[bytes, bytes]:
    """A directory's entry, and what of it does not fit and goes to this place."""
    kind, code = (_LONG8, "Q") if layout.offset == "Q" else (_LONG, "I")
    head = struct.pack(f"{layout.order}HH{layout.offset}", tag, kind, len(numbers))
    packed = struct.pack(f"{layout.order}{len(numbers)}{code}", *numbers)
    if len(numbers) == 1:
        return head + packed, b""
    return head + struct.pack(layout.order + layout.offset, place), packed
