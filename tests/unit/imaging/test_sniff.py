"""Formats are told by their first bytes, whatever a sender calls them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.images import EPS, one_of_each

from photo_pipeline.domain.imaging import CONTENT_TYPES, EXTENSIONS, SNIFF_BYTES, SniffedFormat, sniff

SMALL = one_of_each(40, 30)


def _ftyp(*brands: bytes) -> bytes:
    body = brands[0] + bytes(4) + b"".join(brands[1:])
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body + b"the rest"


@pytest.mark.parametrize("kind", SniffedFormat)
def test_every_supported_format_is_recognised(kind: SniffedFormat) -> None:
    """A file is what its bytes say, from no more than the first part of it."""
    data = SMALL[kind]
    assert sniff(data) is kind
    assert sniff(data[:64]) is kind


def test_every_format_has_a_content_type_and_an_extension() -> None:
    """Whatever is recognised can be stored and served."""
    assert set(CONTENT_TYPES) == set(EXTENSIONS) == set(SniffedFormat)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (_ftyp(b"heic", b"mif1", b"heic"), SniffedFormat.HEIF),
        (_ftyp(b"mif1", b"heic"), SniffedFormat.HEIF),
        (_ftyp(b"mif1", b"avif", b"miaf"), SniffedFormat.AVIF),
        (_ftyp(b"avis", b"msf1"), SniffedFormat.AVIF),
        (_ftyp(b"isom", b"mp42"), None),
        (b"MM\0+" + bytes(12), SniffedFormat.TIFF),
        (b"II*\0\x10\0\0\0CR\x02\0", None),
        (b"BMW is a maker of cars", None),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (b"\xff\xd8", None),
        (EPS, None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"", None),
    ],
)
def test_neighbouring_formats_are_told_apart(head: bytes, expected: SniffedFormat | None) -> None:
    """Films, sounds, raw files and texts are not taken for the photos whose first bytes they share."""
    assert sniff(head) is expected


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    """Sniffing raises for nothing, and what lies beyond the sniffed part changes nothing."""
    padded = data.ljust(SNIFF_BYTES, b"\0")
    assert sniff(padded) is sniff(padded + b"more")
