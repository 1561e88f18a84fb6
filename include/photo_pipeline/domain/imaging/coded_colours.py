"""Colours that a file names by numbers (ITU-T H.273, "CICP") instead of by a profile: AVIF, HEIF and PNG.

They are turned into an ICC profile, so that there is one way to sRGB. What is brighter than paper white (HDR) is in the
profile's curve already brought down to what a JPEG can show.
"""

import math
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType

from photo_pipeline.domain.imaging import boxes, png_chunks
from photo_pipeline.domain.imaging.icc_profiles import (
    BT709,
    BT2020,
    DISPLAY_P3_PRIMARIES,
    VERSION_2,
    Colorants,
    matrix_profile,
)
from photo_pipeline.domain.imaging.values import SniffedFormat

Curve = Callable[[float], float]

_PRIMARIES: Mapping[int, Colorants] = MappingProxyType({9: BT2020, 11: DISPLAY_P3_PRIMARIES, 12: DISPLAY_P3_PRIMARIES})
"""The rest is BT.709 or, as the primaries of old television, so near to it that nobody sees the difference."""

_PAPER_WHITE = 203.0
"""cd/m² of a white page in an HDR picture (ITU-R BT.2408)."""
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2
_KNEE = 0.6
"""Share of paper white up to which tones stay as they are."""
_PNG_COLOUR = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA"})
_USUAL_GAMMA, _GAMMA_TOLERANCE = 0.45455, 0.05
"""What programs write for sRGB into a PNG."""
_STEPS = 4096
_WORD = 0xFFFF


def coded_profile(data: bytes, found: SniffedFormat) -> bytes | None:
    """The ICC profile that says the same as the numbers; ``None`` where there are none, or they mean sRGB."""
    if found is SniffedFormat.PNG:
        return _png_profile(data)
    numbers = boxes.coded_colour(data)
    return None if numbers is None else _numbered(*numbers)


def _numbered(primaries: int, transfer: int) -> bytes | None:
    colorants, curve = _PRIMARIES.get(primaries, BT709), _CURVES.get(transfer, _srgb)
    return None if (colorants, curve) == (BT709, _srgb) else _profile(colorants, curve)


def _png_profile(data: bytes) -> bytes | None:
    """By the first that is there of cICP, a profile or sRGB (which need nothing here) and gAMA."""
    said: dict[bytes, bytes] = {}
    for chunk in png_chunks.chunks(data):
        if chunk.kind == b"IDAT":
            break
        if chunk.kind in _PNG_COLOUR:
            said[chunk.kind] = chunk.content(data)
    if len(said.get(b"cICP", b"")) == 4:  # noqa: PLR2004 - four numbers of one byte
        return _numbered(*said[b"cICP"][:2])
    if said.keys() & {b"iCCP", b"sRGB"} or len(said.get(b"gAMA", b"")) != 4:  # noqa: PLR2004 - one number
        return None
    exponent = int.from_bytes(said[b"gAMA"], "big") / 100_000
    usual = not exponent or abs(exponent - _USUAL_GAMMA) < _GAMMA_TOLERANCE
    return None if usual else _profile(BT709, _gamma(1 / exponent))


def _srgb(value: float) -> float:
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - IEC 61966-2-1


def _gamma(exponent: float) -> Curve:
    return partial(_power, exponent)


def _power(exponent: float, value: float) -> float:
    return float(value**exponent)


def _pq(value: float) -> float:
    """SMPTE ST 2084, as a share of paper white."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = value ** (1 / m2)
    return _toned(10_000 / _PAPER_WHITE * float((max(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)))


def _hlg(value: float) -> float:
    """ITU-R BT.2100, shown on a display of 1000 cd/m²; the gamma is of each channel, not of the luminance."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = value * value / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12  # noqa: PLR2004 - BT.2100
    return _toned(_HLG_PEAK / _PAPER_WHITE * float(scene**_HLG_GAMMA))


def _toned(light: float) -> float:
    """Light as a share of paper white, brought below 1: unchanged up to the knee, then ever flatter."""
    room = 1 - _KNEE
    above = max(0.0, light - _KNEE) / room
    return min(light, _KNEE) + room * above / (1 + above)


_CURVES: Mapping[int, Curve] = MappingProxyType({4: _gamma(2.2), 5: _gamma(2.8), 8: _gamma(1), 16: _pq, 18: _hlg})
"""By transfer characteristics. The rest is taken for sRGB, as pictures with the curve of television are made for it."""


@lru_cache(maxsize=8)
def _profile(colorants: Colorants, curve: Curve) -> bytes:
    steps = [round(_WORD * min(1.0, curve(step / (_STEPS - 1)))) for step in range(_STEPS)]
    return matrix_profile(VERSION_2, colorants, b"curv" + struct.pack(f">4xI{_STEPS}H", _STEPS, *steps), {})
