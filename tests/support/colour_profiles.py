"""Writes small ICC profiles (ICC.1:2001-04), since the tests may not carry those of other makers."""

import struct
from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageCms

Matrix = Sequence[Sequence[float]]
Chromaticity = tuple[float, float]

_D50 = (0.9642, 1.0, 0.8249)
_D65 = (0.3127, 0.3290)
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_INK_LAB = {
    "": (95, 0, 0),
    "C": (55, -37, -50),
    "M": (48, 74, -3),
    "Y": (89, -5, 93),
    "MY": (47, 68, 48),
    "CY": (50, -68, 33),
    "CM": (24, 22, -46),
    "CMY": (23, 0, 0),
}
"""CIELAB of the overprints of coated offset printing (ISO 12647-2), rounded; with black ink all are taken for black."""


def display_p3(name: str = "Display P3") -> bytes:
    """What telephones embed; some makers' tell the device."""
    return _matrix_profile(name, _DISPLAY_P3, _srgb_curve())


def adobe_rgb() -> bytes:
    """What cameras embed when they are told to use it."""
    return _matrix_profile("Adobe RGB (1998)", _ADOBE_RGB, _gamma_curve(563 / 256))


def shown(image: Image.Image) -> Image.Image:
    """What a browser on an sRGB display makes of a rendition: its profile is followed, where it has one."""
    profile = image.info.get("icc_profile")
    return image if profile is None else as_srgb(image, profile)


def as_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """A picture converted by a profile, without any shortcut."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.PERCEPTUAL,
        ImageCms.Flags.NOOPTIMIZE | ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return transform.apply(image)


def srgb() -> bytes:
    """sRGB, under a name that no program knows."""
    return _matrix_profile("some maker's own sRGB", _SRGB, _srgb_curve())


def linear_grey() -> bytes:
    """Grey whose samples are proportional to light."""
    tags = [*_common_tags("linear grey"), (b"kTRC", _gamma_curve(1.0))]
    return _profile(b"mntr", b"GRAY", b"XYZ ", tags)


def offset_cmyk() -> bytes:
    """Four inks, by a table with one entry per overprint."""
    corners = [_ink_corner(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += bytes(range(256)) * 4 + b"".join(corners) + bytes(range(256)) * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", [*_common_tags("four inks"), (b"A2B0", table)])


def _ink_corner(cyan: int, magenta: int, yellow: int, black: int) -> bytes:
    inks = "".join(name for name, used in (("C", cyan), ("M", magenta), ("Y", yellow)) if used)
    lightness, a, b = (10, 0, 0) if black else _INK_LAB[inks]
    return bytes((round(lightness * 2.55), a + 128, b + 128))


def _matrix_profile(name: str, primaries: Sequence[Chromaticity], curve: bytes) -> bytes:
    columns = zip(*_to_d50(primaries), strict=True)
    colorants = [(tag, _xyz(column)) for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)]
    curves = [(tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(b"mntr", b"RGB ", b"XYZ ", [*_common_tags(name), *colorants, *curves])


def _profile(kind: bytes, space: bytes, connection: bytes, tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    at = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags:
        table += name + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    header = struct.pack(">I4sI4s4s4s12s4s", at + len(bodies), b"", 0x02400000, kind, space, connection, b"", b"acsp")
    return header.ljust(68, b"\0") + _fixed(*_D50) + bytes(128 - 80) + table + bodies


def _common_tags(name: str) -> list[tuple[bytes, bytes]]:
    text = name.encode() + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(8 + 3 + 67)
    return [(b"desc", description), (b"cprt", b"text" + bytes(4) + b"none\0"), (b"wtpt", _xyz(_D50))]


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _srgb_curve() -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _to_d50(primaries: Sequence[Chromaticity]) -> Matrix:
    """Linear RGB to XYZ relative to D50, adapted with the Bradford matrix (ICC.1:2010, annex E)."""
    unscaled = list(zip(*(_chromaticity_xyz(*primary) for primary in primaries), strict=True))
    white = _chromaticity_xyz(*_D65)
    scales = _apply(_inverse(unscaled), white)
    to_xyz = [[cell * scale for cell, scale in zip(row, scales, strict=True)] for row in unscaled]
    gains = [to / of for of, to in zip(_apply(_BRADFORD, white), _apply(_BRADFORD, _D50), strict=True)]
    gained = [[cell * gain for cell in row] for row, gain in zip(_BRADFORD, gains, strict=True)]
    return _product(_product(_inverse(_BRADFORD), gained), to_xyz)


def _chromaticity_xyz(x: float, y: float) -> tuple[float, float, float]:
    return x / y, 1.0, (1 - x - y) / y


def _apply(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(cell * value for cell, value in zip(row, vector, strict=True)) for row in matrix]


def _product(left: Matrix, right: Matrix) -> Matrix:
    return [[sum(row[k] * right[k][column] for k in range(3)) for column in range(3)] for row in left]


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    adjugate = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return [[cell / determinant for cell in row] for row in adjugate]
