"""Sizes and orientations."""

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

from PIL import Image

from photo_pipeline.domain.imaging.values import Bounds

UPRIGHT = 1
_SIDEWAYS = frozenset({5, 6, 7, 8})
_TO_UPRIGHT: Mapping[int, Image.Transpose] = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
"""What undoes each EXIF orientation (Exif 2.32, tag 274). 1 is upright; any other number means nothing."""


def known_orientation(value: object) -> int:
    """The EXIF orientation, or upright for a value that the standard does not define."""
    return value if isinstance(value, int) and value in _TO_UPRIGHT else UPRIGHT


def fitted(size: tuple[int, int], bounds: Bounds) -> tuple[int, int]:
    """The size scaled down to what the bounds allow; never up, and never below one pixel."""
    longest, shortest = max(size), min(size)
    scale = max(
        Fraction(bounds.edge, longest), min(Fraction(bounds.strip, shortest), Fraction(bounds.longest, longest))
    )
    if scale >= 1:
        return size
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height as seen once the orientation is applied."""
    return (size[1], size[0]) if orientation in _SIDEWAYS else size


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image turned and mirrored as its EXIF orientation asks."""
    method = _TO_UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
