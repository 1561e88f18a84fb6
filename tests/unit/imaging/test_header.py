"""Sizes are read from headers without decoding, on bytes from anyone."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.support.images import encoded, one_of_each, png_claiming, scene

from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, SniffedFormat, read_header
from photo_pipeline.domain.outcomes import RejectReason

LIMITS = ImageLimits()
ONE_OF_EACH = one_of_each(128, 64)


def _reason(data: bytes, limits: ImageLimits = LIMITS) -> RejectReason:
    with pytest.raises(ImageRejected) as rejected:
        read_header(data, limits)
    return rejected.value.reason


@pytest.mark.parametrize("size", [(1, 1), (16, 9), (641, 480), (300, 2000)])
@pytest.mark.parametrize("kind", SniffedFormat)
def test_the_size_is_the_one_that_was_saved(kind: SniffedFormat, size: tuple[int, int]) -> None:
    """Every format's header gives width and height as stored; HEVC stores whole blocks, and crops them later."""
    header = read_header(encoded(scene(*size), kind), LIMITS)
    block = 64 if kind is SniffedFormat.HEIF else 1
    assert header.format is kind
    assert size[0] <= header.width < size[0] + block
    assert size[1] <= header.height < size[1] + block


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SniffedFormat.WEBP, {"lossless": True}),
        (SniffedFormat.WEBP, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
        (SniffedFormat.TIFF, {"compression": "tiff_lzw"}),
        (SniffedFormat.TIFF, {"big_tiff": True}),
        (SniffedFormat.JPEG, {"icc_profile": bytes(200_000)}),
    ],
)
def test_the_variants_of_a_format_are_read_too(kind: SniffedFormat, options: dict[str, object]) -> None:
    """Lossless and extended WebP, compressed and 64-bit TIFF, a JPEG with much before its frame."""
    header = read_header(encoded(scene(123, 45), kind, **options), LIMITS)
    assert (header.width, header.height) == (123, 45)


def test_a_progressive_jpeg_is_held_to_the_lower_limit() -> None:
    """Its decoder keeps every coefficient, so decoding it smaller does not save memory."""
    limits = ImageLimits(max_pixels=10_000, max_pixels_jpeg=40_000)
    picture = scene(150, 150)
    assert not read_header(encoded(picture, "jpeg"), limits).multi_scan
    assert _reason(encoded(picture, "jpeg", progressive=True), limits) is RejectReason.TOO_MANY_PIXELS


def test_os2_bitmaps_have_a_shorter_header() -> None:
    """BITMAPCOREHEADER holds 16-bit sizes."""
    data = b"BM" + struct.pack("<IHHI", 26, 0, 0, 26) + struct.pack("<IHHHH", 12, 7, 9, 1, 24) + bytes(9 * 24)
    header = read_header(data, LIMITS)
    assert (header.width, header.height) == (7, 9)


@pytest.mark.parametrize(("tag", "value"), [(254, 1), (50706, 1)])
def test_raw_files_are_refused(tag: int, value: int) -> None:
    """The first picture of a DNG, NEF or ARW is a preview the size of a stamp: not what the customer sent."""
    entries = sorted([(256, 3, 1, 160), (257, 3, 1, 120), (tag, 3, 1, value)])
    directory = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    assert _reason(b"II*\0\x08\0\0\0" + directory) is RejectReason.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", RejectReason.EMPTY),
        (b"hello", RejectReason.NOT_AN_IMAGE),
        (png_claiming(0, 5), RejectReason.CORRUPT),
        (png_claiming(30_000, 30_000), RejectReason.TOO_MANY_PIXELS),
        (png_claiming(70_000, 2), RejectReason.TOO_MANY_PIXELS),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x04IDAT" + bytes(40), RejectReason.CORRUPT),
        (b"RIFF\x40\0\0\0WEBPJUNK" + bytes(60), RejectReason.CORRUPT),
        (b"\xff\xd8\xff\xda\0\x02" + bytes(60), RejectReason.CORRUPT),
        (b"\xff\xd8" + b"\xff\xe0\0\x02" * 100_000, RejectReason.CORRUPT),
        (b"\xff\xd8\xff" + b"\xff" * 1_000_000, RejectReason.TRUNCATED),
        (b"II*\0\xff\xff\xff\xff", RejectReason.TRUNCATED),
        (b"\0\0\0\x14ftypheic\0\0\0\0mif1" + b"\0\0\0\x08free" * 3, RejectReason.CORRUPT),
        (b"\0\0\0\x14ftypheic\0\0\0\0mif1" + b"\0\0\x08\0meta", RejectReason.TRUNCATED),
    ],
)
def test_headers_that_make_no_sense_are_named(data: bytes, reason: RejectReason) -> None:
    """Each ends as a reason, not as an error, and before anything large is allocated."""
    assert _reason(data) is reason


@given(kind=st.sampled_from(SniffedFormat), share=st.floats(0, 1))
def test_a_file_cut_anywhere_is_read_or_refused(kind: SniffedFormat, share: float) -> None:
    """A partial file gives the right size or a rejection, never a wrong size and never another error."""
    data = ONE_OF_EACH[kind][: int(len(ONE_OF_EACH[kind]) * share)]
    try:
        header = read_header(data, LIMITS)
        answer: object = (header.width, header.height)
    except ImageRejected as rejected:
        answer = rejected.reason
    assert answer in {(128, 64), RejectReason.EMPTY, RejectReason.NOT_AN_IMAGE, RejectReason.TRUNCATED}


@settings(max_examples=300)
@given(kind=st.sampled_from(SniffedFormat), edits=st.lists(st.tuples(st.integers(0, 700), st.binary(max_size=8))))
def test_mutated_headers_raise_nothing_else(kind: SniffedFormat, edits: list[tuple[int, bytes]]) -> None:
    """Whatever is written over a header, the answer is a size or ``ImageRejected``."""
    data = bytearray(ONE_OF_EACH[kind])
    for at, patch in edits:
        data[at : at + len(patch)] = patch
    try:
        header = read_header(bytes(data), LIMITS)
    except ImageRejected:
        return
    assert 0 < header.width * header.height <= LIMITS.max_pixels_jpeg


def test_the_reader_agrees_with_the_decoder_on_tiles() -> None:
    """An AVIF or HEIF whose picture is put together from tiles names the whole picture's size."""
    picture = Image.new("RGB", (1300, 700), "teal")
    for kind in (SniffedFormat.AVIF, SniffedFormat.HEIF):
        header = read_header(encoded(picture, kind), LIMITS)
        assert (header.width, header.height) == picture.size
