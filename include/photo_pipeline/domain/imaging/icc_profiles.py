"""ICC profiles that are written here: of a matrix and curves (ICC.1:2010), without a word on any device or person."""

import struct
from collections.abc import Iterable, Mapping, Sequence

Colorants = tuple[tuple[float, float, float], ...]

BT709: Colorants = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
BT2020: Colorants = ((0.67348, 0.27904, -0.00194), (0.16566, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686))
DISPLAY_P3_PRIMARIES: Colorants = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
"""XYZ of full red, green and blue, adapted to the white of ICC profiles (D50, Bradford)."""

VERSION_2, VERSION_4 = 0x02400000, 0x04000000
_D50 = (0.9642, 1.0, 0.8249)
_D65_TO_D50 = (1.04788, 0.02292, -0.05020, 0.02959, 0.99048, -0.01706, -0.00923, 0.01508, 0.75168)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_HEAD, _WHITE_AT, _ENTRY = 128, 68, 12


def matrix_profile(version: int, colorants: Colorants, curve: bytes, further: Mapping[bytes, bytes]) -> bytes:
    """A profile for displays, of three colours and one curve.

    Args:
        version: of ICC's format; the second knows no parametric curves.
        colorants: see ``BT709``.
        curve: the content of a ``curv`` or ``para`` tag.
        further: tags beside these, by their names.
    """
    primaries = zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, colorants), strict=True)
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _assembled(version, {**further, b"wtpt": _xyz(_D50), **dict(primaries), **curves})


def _assembled(version: int, tags: Mapping[bytes, bytes]) -> bytes:
    """Head, table and contents; tags with the same content share it."""
    begins = _HEAD + 4 + _ENTRY * len(tags)
    places: dict[bytes, int] = {}
    for content in tags.values():
        if content not in places:
            places[content] = begins + sum(map(len, places))
    entries = (struct.pack(">4sII", tag, places[content], len(content)) for tag, content in tags.items())
    table = struct.pack(">I", len(tags)) + b"".join(entries)
    fields = struct.pack(">I4xI4s4s4s", begins + sum(map(len, places)), version, b"mntr", b"RGB ", b"XYZ ")
    head = (fields + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp").ljust(_WHITE_AT, b"\0") + _fixed(_D50)
    return head.ljust(_HEAD, b"\0") + table + b"".join(places)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: Iterable[float]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _text(words: str) -> bytes:
    """One text, in American English as the format asks for it, filled up to whole words of four bytes."""
    coded = words.encode("utf-16-be")
    content = b"mluc" + struct.pack(">4xII4sII", 1, 12, b"enUS", len(coded), 28) + coded
    return content + bytes(-len(content) % 4)


DISPLAY_P3 = matrix_profile(
    VERSION_4,
    DISPLAY_P3_PRIMARIES,
    b"para" + struct.pack(">4xH2x", 3) + _fixed(_SRGB_CURVE),
    {
        b"desc": _text("Display P3"),
        b"cprt": _text("CC0"),
        b"chad": b"sf32" + bytes(4) + _fixed(_D65_TO_D50),
    },
)
"""Half a kilobyte that stands in every rendition of a Display P3 photo, the same in each (docs/adr/0200)."""
