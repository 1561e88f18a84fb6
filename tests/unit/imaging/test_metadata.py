"""What is kept of a photo's metadata, and that nothing else leaves with the renditions."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin
from tests.support.images import (
    SECRET_COMMENT,
    SECRET_OWNER,
    SECRET_PLACE,
    SECRET_SERIAL,
    encoded,
    exif_block,
    mean_difference,
    opened,
    scene,
)

from photo_pipeline.domain.imaging import ImageLimits, ImageMetadata, SniffedFormat, process
from photo_pipeline.domain.imaging.metadata import Exif, read_exif

LIMITS = ImageLimits()
PICTURE = scene(300, 200)
WITH_EXIF = sorted(set(SniffedFormat) - {SniffedFormat.GIF, SniffedFormat.BMP})


def _metadata(exif: Image.Exif | bytes) -> ImageMetadata:
    return process(encoded(PICTURE, "jpeg", exif=exif), LIMITS).metadata


@pytest.mark.parametrize("kind", WITH_EXIF)
def test_camera_and_time_are_read_in_every_format(kind: SniffedFormat) -> None:
    """Formats keep EXIF in different places; what is known is the same."""
    exif = exif_block(make="FUJIFILM", model="X-T5", taken="2024:05:01 12:34:56", offset="+02:00")
    metadata = process(encoded(PICTURE, kind, exif=exif.tobytes()), LIMITS).metadata
    assert metadata.camera == "FUJIFILM X-T5"
    assert (metadata.taken_at, metadata.taken_at_offset) == ("2024-05-01T12:34:56", "+02:00")
    assert metadata.warnings == ()


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 15 Pro", "Apple iPhone 15 Pro"),
        ("  samsung\0\0garbage", "SM-G991B   ", "samsung SM-G991B"),
        ("SONY", "", "SONY"),
        ("", "Pixel 8", "Pixel 8"),
        ("\x01\x02", "\0", None),
        ("Leica\r\nCamera AG", "Q3", "Leica Camera AG Q3"),
        ("x" * 500, "y", "x" * 100),
    ],
)
def test_the_camera_is_named_as_one_would(make: str, model: str, camera: str | None) -> None:
    """Without repetition, padding or control characters, and short enough for a column."""
    assert _metadata(exif_block(make=make, model=model)).camera == camera


@pytest.mark.parametrize(
    ("taken", "offset", "expected"),
    [
        ("2024:02:29 23:59:59", "", ("2024-02-29T23:59:59", None)),
        ("2024-02-29T23:59:59", "-09:30", ("2024-02-29T23:59:59", "-09:30")),
        ("2024:05:01 12:34:56", "Z", ("2024-05-01T12:34:56", None)),
        ("2024:05:01 12:34:56", "+99:00", ("2024-05-01T12:34:56", None)),
        ("2023:05:01 03:07:05 PM", "", ("2023-05-01T15:07:05", None)),
        ("2023:05:01 12:07:05 a.m.", "", ("2023-05-01T00:07:05", None)),
        ("2023:05:01 15:07:05 PM", "", ("2023-05-01T15:07:05", None)),
        ("2023:05:01 9:05:07", "", ("2023-05-01T09:05:07", None)),
        ("2023:05:01 09:05", "", ("2023-05-01T09:05:00", None)),
        ("20230501090507", "", ("2023-05-01T09:05:07", None)),
        ("2023:05:01 14:42:59+01:00", "", ("2023-05-01T14:42:59", "+01:00")),
        ("2023:05:01 14:42:59+0100", "+02:00", ("2023-05-01T14:42:59", "+02:00")),
        ("2023-05-01T14:42:59.25Z", "", ("2023-05-01T14:42:59.250000", "+00:00")),
        ("2023:05:01 14:42:59 at home", "", ("2023-05-01T14:42:59", None)),
        ("2023:05:01 25:61:00", "", (None, None)),
        ("2023:02:29 12:00:00", "+01:00", (None, None)),
        ("0000:00:00 00:00:00", "", (None, None)),
        ("    :  :     :  :  ", "", (None, None)),
        ("yesterday", "", (None, None)),
        ("", "+01:00", (None, None)),
    ],
)
def test_the_time_is_the_cameras_own(taken: str, offset: str, expected: tuple[str | None, str | None]) -> None:
    """A zone that the camera did not record stays unknown; a date that does not exist is none."""
    metadata = _metadata(exif_block(taken=taken, offset=offset))
    assert (metadata.taken_at, metadata.taken_at_offset) == expected


def test_the_time_of_digitising_is_second_choice_and_of_editing_is_none() -> None:
    """Scanners record when they scanned; the time of the last change says nothing about the photo."""
    exif = exif_block()
    exif[ExifTags.Base.DateTime] = "2024:01:01 00:00:00"
    assert _metadata(exif).taken_at is None
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeDigitized] = "1999:12:31 23:59:59"
    assert _metadata(exif).taken_at == "1999-12-31T23:59:59"


@given(make=st.text(max_size=40), model=st.binary(max_size=40), taken=st.text(max_size=40))
def test_any_text_becomes_fit_for_a_database(make: str, model: bytes, taken: str) -> None:
    """Stored text holds no NUL, no control character and no unpaired surrogate, whatever a tag holds."""
    exif = Image.Exif()
    exif.update({ExifTags.Base.Make: make, ExifTags.Base.Model: model})
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    kept = read_exif(exif)
    assert kept.camera is None or (kept.camera.isprintable() and kept.camera.encode() and len(kept.camera) <= 100)
    assert kept.taken_at is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", kept.taken_at)


def test_values_of_the_wrong_type_are_no_metadata() -> None:
    """Numbers where text should be, and text where a number should be."""
    exif = Image.Exif()
    exif.update({ExifTags.Base.Make: 17, ExifTags.Base.Model: (1, 2), ExifTags.Base.Orientation: "6"})
    assert read_exif(exif) == Exif(1, None, None, None)


@pytest.mark.parametrize(
    ("fraction", "taken_at"),
    [("090", ".090000"), ("9", ".900000"), ("000", ""), ("1234567", ".123456"), ("", ""), ("x", "")],
)
def test_pictures_of_a_burst_are_told_apart(fraction: str, taken_at: str) -> None:
    """They share a second; the camera notes the fraction in a tag of its own."""
    exif = exif_block(taken="2024:08:13 09:26:39")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.SubsecTimeOriginal] = fraction
    metadata = process(encoded(PICTURE, "jpeg", exif=exif), LIMITS).metadata
    assert metadata.taken_at == f"2024-08-13T09:26:39{taken_at}"


@pytest.mark.parametrize("block", [b"Exif\0\0MM", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense" + bytes(50)])
def test_broken_metadata_does_not_break_the_photo(block: bytes) -> None:
    """The picture is shown; what could not be read is unknown."""
    processed = process(encoded(PICTURE, "jpeg", exif=block), LIMITS)
    assert mean_difference(opened(processed.web.data), PICTURE) < 7
    assert processed.metadata.camera is None


def test_unreadable_metadata_is_marked() -> None:
    """A block that no parser accepts is told apart from a photo without one."""
    assert _metadata(b"Exif\0\0nonsense" + bytes(50)).warnings == ("metadata_unreadable",)
    assert process(encoded(PICTURE, "jpeg"), LIMITS).metadata.warnings == ()


@pytest.mark.parametrize("size", [(300, 200), (1700, 300)], ids=["as-large", "reduced"])
@pytest.mark.parametrize("kind", SniffedFormat)
def test_nothing_private_leaves_with_a_rendition(kind: SniffedFormat, size: tuple[int, int]) -> None:
    """Place, serial number, owner and comments stay in the original, whether or not it had to be made smaller."""
    exif = exif_block(make="Canon", model="EOS", secrets=True).tobytes()
    xmp = b"<x:xmpmeta><aux:SerialNumber>" + SECRET_SERIAL.encode() + b"</aux:SerialNumber></x:xmpmeta>"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", SECRET_OWNER)
    by_format: dict[SniffedFormat, dict[str, Any]] = {
        SniffedFormat.JPEG: {"exif": exif, "xmp": xmp, "comment": SECRET_COMMENT, "dpi": (300, 300)},
        SniffedFormat.PNG: {"exif": exif, "pnginfo": notes},
        SniffedFormat.GIF: {"comment": SECRET_COMMENT},
        SniffedFormat.BMP: {},
        SniffedFormat.TIFF: {"exif": exif, "artist": SECRET_OWNER},
    }
    data = encoded(scene(*size), kind, **by_format.get(kind, {"exif": exif, "xmp": xmp}))
    secrets = [SECRET_SERIAL.encode(), SECRET_OWNER.encode(), SECRET_COMMENT, SECRET_PLACE.encode()]
    assert kind is SniffedFormat.BMP or any(secret in data for secret in secrets)
    processed = process(data, LIMITS)
    for rendition in processed.renditions:
        image = opened(rendition.data)
        assert not any(secret in rendition.data for secret in secrets)
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert not image.getexif()
