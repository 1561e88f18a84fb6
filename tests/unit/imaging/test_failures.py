"""Bytes that are no usable photo end as a reason, and as nothing else."""

import errno
import struct
import warnings
import zlib
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin, WebPImagePlugin
from tests.support.images import (
    EPS,
    Oddity,
    Poison,
    encoded,
    jpeg_claiming,
    oddities,
    one_of_each,
    png,
    poison,
    scene,
    truncated,
)

from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, SniffedFormat, process
from photo_pipeline.domain.outcomes import RejectReason

LIMITS = ImageLimits(max_pixels=2_000_000, max_pixels_jpeg=4_000_000)
ONE_OF_EACH = one_of_each(96, 64)
LARGER = one_of_each(300, 200)


def _rejected(data: bytes, limits: ImageLimits = LIMITS) -> ImageRejected:
    with pytest.raises(ImageRejected) as rejected:
        process(data, limits)
    return rejected.value


@pytest.mark.parametrize("case", poison(), ids=lambda case: case.name)
def test_poison_ends_as_a_reason(case: Poison) -> None:
    """Each file of the poison corpus is refused for what is wrong with it."""
    assert _rejected(case.data, ImageLimits()).reason.value in case.reasons


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("kind", SniffedFormat)
def test_a_photo_that_is_cut_off_is_called_so(kind: SniffedFormat, share: float) -> None:
    """Wherever an upload broke off, the customer is told that part of the file is missing."""
    data = LARGER[kind]
    assert _rejected(truncated(data, share)).reason is RejectReason.TRUNCATED


@pytest.mark.parametrize("kind", SniffedFormat)
def test_damage_is_not_called_a_cut(kind: SniffedFormat) -> None:
    """A file that is whole but full of something else is damaged; many decoders show what they can of it instead."""
    data = LARGER[kind]
    middle = len(data) // 3
    damaged = data[:middle] + bytes(range(256)) * (middle // 256) + data[middle + middle // 256 * 256 :]
    try:
        process(damaged, LIMITS)
    except ImageRejected as rejected:
        reason = rejected.reason
    else:
        reason = RejectReason.CORRUPT
    assert reason in {RejectReason.CORRUPT, RejectReason.TRUNCATED, RejectReason.UNSUPPORTED}


@pytest.mark.parametrize("kind", SniffedFormat)
def test_pixel_limits_hold_for_every_format(kind: SniffedFormat) -> None:
    """One pixel too many is refused from the header."""
    data = encoded(scene(128, 64), kind)
    exact = ImageLimits(max_pixels=128 * 64, max_pixels_jpeg=128 * 64)
    assert process(data, exact).metadata.width == 128
    assert _rejected(data, ImageLimits(8191, 8191)).reason is RejectReason.TOO_MANY_PIXELS
    assert _rejected(data, ImageLimits(max_edge=127)).reason is RejectReason.TOO_MANY_PIXELS


def test_a_frame_larger_than_its_screen_is_measured_too() -> None:
    """A GIF may say that it is tiny and then bring a frame of any size."""
    data = bytearray(encoded(Image.new("L", (3000, 3000)), "gif"))
    data[6:10] = struct.pack("<HH", 1, 1)
    assert _rejected(bytes(data)).reason is RejectReason.TOO_MANY_PIXELS


def test_a_tile_larger_than_its_picture_is_no_way_around() -> None:
    """A TIFF of a few pixels whose single tile is gigantic."""
    entries = [
        (256, 4, 1, 8),
        (257, 4, 1, 8),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (322, 4, 1, 40_000),
        (323, 4, 1, 40_000),
        (324, 4, 1, 8),
        (325, 4, 1, 64),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    assert _rejected(b"II*\0\x08\0\0\0" + directory + bytes(200)).reason is RejectReason.TOO_MANY_PIXELS


def test_notes_that_unpack_without_end_are_left_out() -> None:
    """A PNG whose compressed text would fill the memory is shown without it."""
    bomb = b"Comment\0\0" + zlib.compress(bytes(80 * 1024 * 1024), 9)
    data = png(struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0), zlib.compress(b"\0\0"), (b"zTXt", bomb))
    assert process(data, LIMITS).metadata.warnings == ("metadata_unreadable",)


def test_an_editors_bulky_notes_are_no_reason_to_refuse() -> None:
    """Some programs write megabytes of history into a PNG."""
    notes = b"XML:com.adobe.xmp\0\0" + zlib.compress(b"<history/>" * 500_000)
    data = png(struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0), zlib.compress(b"\0\0"), (b"zTXt", notes))
    assert process(data, LIMITS).metadata.width == 1


def test_a_header_that_lies_about_a_jpeg_ends_somehow() -> None:
    """Libjpeg pads what is missing with grey, which is no picture; it must not hang or crash."""
    with pytest.raises(ImageRejected) as rejected:
        process(jpeg_claiming(ONE_OF_EACH[SniffedFormat.JPEG], 1500, 1000), LIMITS)
    assert rejected.value.reason is RejectReason.TRUNCATED


def test_a_printers_program_never_reaches_an_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostScript is refused by its bytes, and the plugin that would run it is not even asked."""
    monkeypatch.setattr("subprocess.Popen", pytest.fail)
    for data in (EPS, b"\xc5\xd0\xd3\xc6" + EPS):
        assert _rejected(data).reason is RejectReason.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), RejectReason.DECODER_OUT_OF_MEMORY),
        (OSError("out of memory when reading"), RejectReason.DECODER_OUT_OF_MEMORY),
        (ValueError("Memory allocation error: could not get 9 bytes"), RejectReason.DECODER_OUT_OF_MEMORY),
        (ValueError("Memory allocation error: Security limit exceeded: 65281 extents"), RejectReason.CORRUPT),
        (OSError("image file is truncated"), RejectReason.TRUNCATED),
        (OSError("broken data stream"), RejectReason.CORRUPT),
        (SyntaxError("not a TIFF"), RejectReason.CORRUPT),
        (ZeroDivisionError(), RejectReason.CORRUPT),
        (NotImplementedError(), RejectReason.UNSUPPORTED),
        (OSError("Unsupported BMP compression (5)"), RejectReason.UNSUPPORTED),
        (RecursionError(), RejectReason.CORRUPT),
        (KeyError("missing\0\x1b[31m"), RejectReason.CORRUPT),
        (Image.DecompressionBombError(), RejectReason.TOO_MANY_PIXELS),
    ],
)
def test_whatever_a_decoder_raises_has_a_reason(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: RejectReason
) -> None:
    """The list is of errors that decoders were seen to raise; the detail is one printable line."""

    def fail(_: Image.Image) -> None:
        raise error

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", fail)
    rejected = _rejected(ONE_OF_EACH[SniffedFormat.JPEG])
    assert rejected.reason is reason
    assert rejected.detail.isprintable()
    assert len(rejected.detail) < 300


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "Too many open files"), ImportError("libde265.so")])
def test_what_the_system_refuses_is_no_verdict(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A photo is in memory: whatever the operating system says while it is decoded is not about its bytes."""

    def fail(_: Image.Image) -> None:
        raise error

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", fail)
    with pytest.raises(type(error)) as raised:
        process(ONE_OF_EACH[SniffedFormat.JPEG], LIMITS)
    assert not isinstance(raised.value, ImageRejected)


def test_memory_that_runs_out_later_is_an_outcome_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where renditions are made, or metadata read."""

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "save", fail)
    assert _rejected(ONE_OF_EACH[SniffedFormat.PNG]).reason is RejectReason.DECODER_OUT_OF_MEMORY
    monkeypatch.setattr(Image.Image, "getexif", fail)
    assert _rejected(ONE_OF_EACH[SniffedFormat.PNG]).reason is RejectReason.DECODER_OUT_OF_MEMORY


def test_warnings_of_the_decoders_stay_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither shown nor turned into errors, and the caller's filters are as before."""
    load = WebPImagePlugin.WebPImageFile.load

    def warn(image: WebPImagePlugin.WebPImageFile) -> object:
        warnings.warn("the file is odd", stacklevel=1)
        return load(image)

    monkeypatch.setattr(WebPImagePlugin.WebPImageFile, "load", warn)
    before = list(warnings.filters)
    process(ONE_OF_EACH[SniffedFormat.WEBP], LIMITS)
    assert warnings.filters == before


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(SniffedFormat),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=12)), max_size=6),
    keep=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_mutated_photos_raise_nothing_else(kind: SniffedFormat, edits: list[tuple[float, bytes]], keep: float) -> None:
    """Overwritten and cut anywhere, a file gives renditions or ``ImageRejected`` with a reason for images."""
    data = bytearray(ONE_OF_EACH[kind])
    for share, patch in edits:
        at = int(len(data) * share)
        data[at : at + len(patch)] = patch
    try:
        processed = process(truncated(bytes(data), keep), LIMITS)
    except ImageRejected as rejected:
        assert rejected.reason.sentence  # noqa: PT017 - both ends are right; each is checked
    else:
        for rendition in processed.renditions:
            image = Image.open(BytesIO(rendition.data), formats=["JPEG"])
            assert image.size == (rendition.width, rendition.height)


@pytest.mark.parametrize("case", oddities(), ids=lambda case: case.name)
def test_oddities_are_photos_nevertheless(case: Oddity) -> None:
    """Endless animations, metadata without bottom and megabytes of padding do not keep a photo from being shown."""
    processed = process(case.data, LIMITS)
    assert (processed.web.width, processed.web.height) == (96, 64)
