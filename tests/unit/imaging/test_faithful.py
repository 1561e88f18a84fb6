"""Renditions show what the file says, where a decoder alone would show something else."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

import pillow_heif
import pytest
from PIL import Image
from tests.support import colour_profiles
from tests.support.images import encoded, mean_difference, opened, png, png_chunk, scene, tiff

from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, process
from photo_pipeline.domain.outcomes import RejectReason

LIMITS = ImageLimits()
WIDTH, HEIGHT = 300, 8
NEAR = 3
"""Of 255: what rounding and JPEG may change."""
RAMP = [x / (WIDTH - 1) for x in range(WIDTH)]
BACKWARDS = [1 - share for share in RAMP]
FLAT = [60 / 255] * WIDTH


def _web(data: bytes) -> Image.Image:
    return colour_profiles.shown(opened(process(data, LIMITS).web.data)).convert("RGB")


def _at(data: bytes, x: float, y: float = 0.5) -> tuple[int, ...]:
    image = _web(data)
    pixel = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(pixel, tuple)
    return pixel


def _near(shown: Sequence[int], right: Sequence[int]) -> bool:
    return max(abs(one - other) for one, other in zip(shown, right, strict=True)) <= NEAR


def _plane(row: Sequence[float], code: str, scale: float) -> bytes:
    whole = code not in "fd"
    values = [round(share * scale) if whole else share * scale for share in row]
    return struct.pack(f"<{len(row)}{code}", *values) * HEIGHT


def _interleaved(rows: Sequence[Sequence[float]], code: str, scale: float) -> bytes:
    return _plane([share for pixel in zip(*rows, strict=True) for share in pixel], code, scale)


def _colours(bits: int, **further: Sequence[int]) -> dict[int, Sequence[int]]:
    numbers = {"planar": 284, "form": 339}
    return {258: [bits] * 3, 262: [2], 277: [3], **{numbers[name]: value for name, value in further.items()}}


@pytest.mark.parametrize(
    ("planes", "tags"),
    [
        ([_plane(row, "H", 65535) for row in (RAMP, BACKWARDS, FLAT)], _colours(16, planar=[2])),
        ([_plane(row, "f", 1) for row in (RAMP, BACKWARDS, FLAT)], _colours(32, planar=[2], form=[3] * 3)),
        ([_interleaved((RAMP, BACKWARDS, FLAT), "f", 1)], _colours(32, form=[3] * 3)),
        ([_interleaved((RAMP, BACKWARDS, FLAT), "H", 65535)], _colours(16)),
        ([_plane(row, "B", 255) for row in (RAMP, BACKWARDS, FLAT)], _colours(8, planar=[2])),
    ],
    ids=["planar16", "planar-float", "float", "sixteen", "planar8"],
)
def test_tiff_colours_are_those_of_its_samples(planes: list[bytes], tags: dict[int, Sequence[int]]) -> None:
    """Planar or interleaved, sixteen bits or floating: every layout shows the same picture."""
    data = tiff((WIDTH, HEIGHT), planes, tags)
    assert _near(_at(data, 0.1), (25, 229, 60))
    assert _near(_at(data, 0.9), (230, 24, 60))


@pytest.mark.parametrize(
    ("plane", "tags"),
    [
        (_plane(BACKWARDS, "H", 65535), {258: [16], 262: [0]}),
        (_plane(RAMP, "H", 65535), {258: [16], 262: [1]}),
        (_plane(BACKWARDS, "f", 1), {258: [32], 262: [0], 339: [3]}),
        (_plane(RAMP, "f", 1.2), {258: [32], 262: [1], 339: [3]}),
        (_plane(BACKWARDS, "B", 255), {258: [8], 262: [0]}),
    ],
    ids=["white-is-zero16", "sixteen", "white-is-zero-float", "above-white", "white-is-zero8"],
)
def test_tiff_greys_are_those_of_its_samples(plane: bytes, tags: dict[int, Sequence[int]]) -> None:
    """Samples may count darkness, and floating ones may go beyond white."""
    scale = 1.2 if 339 in tags and tags[262] == [1] else 1.0
    shown = _at(tiff((WIDTH, HEIGHT), [plane], {277: [1], **tags}), 0.1)
    assert _near(shown, [round(25 * scale)] * 3)


def test_twelve_bits_fill_the_range() -> None:
    """Pillow delivers them as the low bits of sixteen."""
    row = [round(share * 4095) for share in RAMP]
    packed = b"".join(
        struct.pack(">I", first << 12 | second)[1:] for first, second in zip(row[::2], row[1::2], strict=True)
    )
    data = tiff((WIDTH, HEIGHT), [packed * HEIGHT], {258: [12], 262: [1], 277: [1]})
    assert _near(_at(data, 0.9), [230] * 3)


def test_a_planar_tiff_is_turned_upright() -> None:
    """The planes are read on their own, so the orientation is applied to the whole."""
    planes = [_plane(row, "H", 65535) for row in (RAMP, BACKWARDS, FLAT)]
    data = tiff((WIDTH, HEIGHT), planes, {**_colours(16, planar=[2]), 274: [3]})
    assert _near(_at(data, 0.9), (25, 229, 60))


def test_samples_that_nobody_can_read_are_not_called_damaged() -> None:
    """Five samples of sixteen bits, interleaved."""
    data = tiff((4, 4), [bytes(4 * 4 * 10)], {258: [16] * 5, 262: [2], 277: [5], 338: [0, 0]})
    with pytest.raises(ImageRejected) as rejected:
        process(data, LIMITS)
    assert rejected.value.reason is RejectReason.UNSUPPORTED


def _trns_png(depth: int, background: int, shape: int) -> bytes:
    rows = []
    for y in range(64):
        line = [shape if 16 <= x < 48 and 16 <= y < 48 else background for x in range(64)]
        bits = "".join(f"{value:0{depth}b}" for value in line)
        rows.append(b"\0" + int(bits, 2).to_bytes(64 * depth // 8, "big"))
    header = struct.pack(">IIBBBBB", 64, 64, depth, 0, 0, 0, 0)
    return png(header, zlib.compress(b"".join(rows)), (b"tRNS", struct.pack(">H", background)))


@pytest.mark.parametrize(
    ("depth", "background", "shape"), [(1, 0, 1), (1, 1, 0), (2, 1, 3), (4, 5, 9), (8, 77, 9), (16, 1000, 0)]
)
def test_a_see_through_grey_counts_in_the_files_bits(depth: int, background: int, shape: int) -> None:
    """The background of a grey PNG is white, the shape in the middle is what it is."""
    data = _trns_png(depth, background, shape)
    assert _near(_at(data, 0.1, 0.1), (255, 255, 255))
    assert _near(_at(data, 0.5), [shape * 255 // (2**depth - 1)] * 3)


def test_a_see_through_colour_of_sixteen_bits() -> None:
    """The same for three samples."""
    row = b"\0" + struct.pack(">3H", 1000, 2000, 3000) * 32 + struct.pack(">3H", 65535, 0, 0) * 32
    header = struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0)
    data = png(header, zlib.compress(row * 64), (b"tRNS", struct.pack(">3H", 1000, 2000, 3000)))
    assert _near(_at(data, 0.2), (255, 255, 255))
    assert _near(_at(data, 0.8), (254, 0, 0))


def test_around_a_gifs_first_frame_is_nothing() -> None:
    """Pillow shows the first colour of its table there."""
    frame = Image.new("P", (50, 50), 1)
    frame.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    data = bytearray(encoded(frame, "gif"))
    data[6:10] = struct.pack("<HH", 100, 100)
    assert _near(_at(bytes(data), 0.75, 0.75), (255, 255, 255))
    assert _near(_at(bytes(data), 0.25, 0.25), (0, 0, 254))


def test_a_profile_behind_the_frame_header_counts() -> None:
    """Pillow looks for it before the frame header only."""
    data = encoded(scene(300, 200), "jpeg", quality=92, icc_profile=colour_profiles.display_p3())
    at = data.index(b"\xff\xe2")
    (length,) = struct.unpack_from(">H", data, at + 2)
    segment, rest = data[at : at + 2 + length], data[:at] + data[at + 2 + length :]
    frame = rest.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", rest, frame + 2)
    behind = rest[: frame + 2 + length] + segment + rest[frame + 2 + length :]
    assert mean_difference(_web(data), _web(behind)) == 0
    assert mean_difference(_web(data), _web(rest)) > 1


def test_a_profile_of_which_a_piece_is_missing_is_told() -> None:
    """The picture is shown as if it were sRGB, with a warning."""
    data = encoded(scene(60, 40), "jpeg", icc_profile=colour_profiles.display_p3() + bytes(70_000))
    at = data.index(b"\xff\xe2")
    (length,) = struct.unpack_from(">H", data, at + 2)
    assert process(data[:at] + data[at + 2 + length :], LIMITS).metadata.warnings == ("icc_unreadable",)


def _pq(light: float) -> float:
    """SMPTE ST 2084, from cd/m² to a share of the signal."""
    power = (light / 10_000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def _hlg(light: float) -> float:
    """ITU-R BT.2100, from cd/m² on a display of 1000 to a share of the signal; the lower half of the curve."""
    return float((3 * (light / 1000) ** (1 / 1.2)) ** 0.5)


def _greys(shares: Sequence[float]) -> bytes:
    words = [round(share * 65535) for share in shares for _ in range(100 * 3)]
    return struct.pack(f"<{len(words)}H", *words) * 100


@pytest.mark.parametrize(("transfer", "curve"), [(16, _pq), (18, _hlg)])
def test_hdr_is_brought_down_to_what_a_jpeg_can_show(transfer: int, curve: object) -> None:
    """Greys of 1, 5 and 20 % of paper white are those of sRGB; what is brighter keeps its order below white."""
    assert callable(curve)
    shares = [curve(203 * share) for share in (0.01, 0.05, 0.2)] + [0.7, 0.9]
    picture = pillow_heif.from_bytes(mode="RGB;16", size=(500, 100), data=_greys(shares))
    file = BytesIO()
    codes = {"color_primaries": 9, "transfer_characteristics": transfer, "matrix_coefficients": 9}
    picture.save(file, quality=95, full_range_flag=1, **codes)
    shown = [_at(file.getvalue(), 0.1 + 0.2 * index)[0] for index in range(5)]
    assert _near(shown[:3], (25, 63, 124))
    assert shown[2] < shown[3] < shown[4] <= 255


def test_primaries_that_are_named_by_number_count() -> None:
    """A pure red of Display P3 is more than sRGB can show; a middle one is a stronger red than its numbers say."""
    colour = (180, 90, 90)
    image = Image.new("RGB", (64, 64), colour)
    row = (b"\0" + bytes(colour) * 64) * 64
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    by_number = png(header, zlib.compress(row), (b"cICP", bytes((12, 13, 0, 1))))
    assert _near(_at(by_number, 0.5), _at(encoded(image, "png", icc_profile=colour_profiles.display_p3()), 0.5))
    assert _near(_at(png(header, zlib.compress(row), (b"cICP", bytes((1, 13, 0, 1)))), 0.5), colour)


@pytest.mark.parametrize(
    ("exponent", "chunks", "right"),
    [(1.0, (), 188), (0.45455, (), 128), (1.0, (b"sRGB",), 128), (1 / 1.8, (), 146)],
)
def test_a_pngs_gamma_counts_where_nothing_else_is_said(exponent: float, chunks: Sequence[bytes], right: int) -> None:
    """A middle grey of linear samples is light; programs write 0.45455 for sRGB."""
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    said = [(b"gAMA", struct.pack(">I", round(exponent * 100_000))), *((kind, b"\0") for kind in chunks)]
    data = png(header, zlib.compress((b"\0" + b"\x80" * 64) * 64), *said)
    assert _near(_at(data, 0.5), [right] * 3)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_an_orientation_in_xmp_is_nobodys(kind: str) -> None:
    """Browsers look at EXIF alone; Pillow would take it from XMP."""
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    metadata = process(encoded(scene(60, 40), kind, xmp=xmp), LIMITS).metadata
    assert (metadata.width, metadata.height) == (60, 40)


def test_png_chunks_of_the_support_are_sound() -> None:
    """Else the tests above would show nothing."""
    assert Image.open(BytesIO(_trns_png(8, 1, 2))).size == (64, 64)
    assert len(png_chunk(b"tEXt", b"x")) == 13
