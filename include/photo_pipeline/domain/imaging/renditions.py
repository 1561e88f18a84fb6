"""The pictures that are shown in the original's place, and what stands in for them while they load."""

from io import BytesIO

import blurhash_rs
from PIL import Image

from photo_pipeline.domain.imaging.colour import UnreadableProfileError, to_srgb
from photo_pipeline.domain.imaging.decode import Decoded
from photo_pipeline.domain.imaging.geometry import fitted, upright
from photo_pipeline.domain.imaging.pixels import flattened, resizable, resized
from photo_pipeline.domain.imaging.values import WEB_EDGE, Rendition
from photo_pipeline.domain.photo import RenditionKind

_QUALITY = 80
_PLACEHOLDER_EDGE = 64
_COLOURS = 8
_LONG_COMPONENTS, _SHORT_COMPONENTS = 4, 3


def web_image(decoded: Decoded) -> tuple[Image.Image, bool]:
    """The picture upright, in sRGB, without alpha, at most ``WEB_EDGE`` long; and whether its profile was readable."""
    pixels = resizable(decoded.image)
    small = flattened(resized(pixels, fitted(decoded.size, WEB_EDGE)))
    try:
        coloured, readable = to_srgb(small, decoded.icc_profile), True
    except UnreadableProfileError:
        coloured, readable = to_srgb(small, None), False
    return upright(coloured, decoded.orientation), readable


def shrunk(image: Image.Image, edge: int) -> Image.Image:
    """The image at most ``edge`` long."""
    return resized(image, fitted(image.size, edge))


def encoded(image: Image.Image, kind: RenditionKind) -> Rendition:
    """The image as JPEG, with nothing but the picture in it."""
    file = BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return Rendition(kind, file.getvalue(), image.width, image.height)


def placeholder(thumb: Image.Image) -> tuple[str, str]:
    """A blurhash, and the dominant colour as ``#rrggbb``: the mean of the largest of a few groups of pixels."""
    tiny = shrunk(thumb, _PLACEHOLDER_EDGE).convert("RGB")
    lying = tiny.width >= tiny.height
    across, down = (_LONG_COMPONENTS, _SHORT_COMPONENTS) if lying else (_SHORT_COMPONENTS, _LONG_COMPONENTS)
    return blurhash_rs.blurhash_encode(tiny, across, down), _dominant(tiny)


def _dominant(image: Image.Image) -> str:
    grouped = image.quantize(_COLOURS, Image.Quantize.FASTOCTREE)
    sizes = grouped.histogram()
    largest = max(range(_COLOURS), key=sizes.__getitem__)
    palette = grouped.getpalette() or [0, 0, 0]
    return "#" + bytes(palette[largest * 3 : largest * 3 + 3]).hex()
