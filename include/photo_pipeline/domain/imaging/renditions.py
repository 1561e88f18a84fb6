"""The pictures that are shown in the original's place, and what stands in for them while they load."""

from dataclasses import dataclass, replace
from io import BytesIO

import blurhash_rs
from PIL import Image

from photo_pipeline.domain.imaging.colour import UnreadableProfileError, for_browsers, to_srgb
from photo_pipeline.domain.imaging.decode import Decoded
from photo_pipeline.domain.imaging.geometry import fitted, upright
from photo_pipeline.domain.imaging.pixels import flattened, resizable, resized
from photo_pipeline.domain.imaging.values import THUMB, THUMB_2X, WEB, WORTH_A_RENDITION, Bounds, Rendition
from photo_pipeline.domain.photo import RenditionKind

_QUALITY = 80
_PLACEHOLDER_EDGE = 64
_COLOURS = 8
_LONG_COMPONENTS, _SHORT_COMPONENTS = 4, 3


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels as they are shown.

    Attributes:
        image: upright, without alpha.
        profile: the colour profile that it must be saved with; sRGB needs none.
        colour_known: whether the original's own profile could be read.
    """

    image: Image.Image
    profile: bytes | None
    colour_known: bool = True

    def shrunk(self, bounds: Bounds) -> "Picture":
        """The picture within the bounds."""
        return replace(self, image=resized(self.image, fitted(self.image.size, bounds)))


def web_picture(decoded: Decoded) -> Picture:
    """The picture within the bounds of ``web``."""
    pixels = resizable(decoded.image)
    small = flattened(resized(pixels, fitted(decoded.size, WEB)))
    try:
        (image, profile), readable = for_browsers(small, decoded.icc_profile), True
    except UnreadableProfileError:
        (image, profile), readable = for_browsers(small, None), False
    return Picture(upright(image, decoded.orientation), profile, readable)


def thumb_pictures(web: Picture) -> tuple[Picture, Picture | None]:
    """``thumb``, and ``thumb2x`` where it is of use. The small one is made of the middle one, which has its colours."""
    width, height = fitted(web.image.size, THUMB_2X)
    if web.image.width * web.image.height < WORTH_A_RENDITION * width * height:
        return web.shrunk(THUMB), None
    thumb2x = web.shrunk(THUMB_2X)
    return thumb2x.shrunk(THUMB), thumb2x


def encoded(picture: Picture, kind: RenditionKind) -> Rendition:
    """The picture as JPEG, with nothing else in it but the profile that it needs."""
    file, image = BytesIO(), picture.image
    image.save(file, "JPEG", quality=_QUALITY, icc_profile=picture.profile)
    return Rendition(kind, file.getvalue(), image.width, image.height)


def placeholder(thumb: Picture) -> tuple[str, str]:
    """A blurhash, and the dominant colour as ``#rrggbb``: the mean of the largest of a few groups of pixels.

    Both are in sRGB, as style sheets and decoders of blurhashes take them.
    """
    # Means of whole pixels: nobody sees more of it, and it takes a fifth of a resize.
    means = thumb.image.reduce(-(-max(thumb.image.size) // _PLACEHOLDER_EDGE))
    tiny = to_srgb(means.convert("RGB"), thumb.profile)
    lying = tiny.width >= tiny.height
    across, down = (_LONG_COMPONENTS, _SHORT_COMPONENTS) if lying else (_SHORT_COMPONENTS, _LONG_COMPONENTS)
    return blurhash_rs.blurhash_encode(tiny, across, down), _dominant(tiny)


def _dominant(image: Image.Image) -> str:
    grouped = image.quantize(_COLOURS, Image.Quantize.FASTOCTREE)
    sizes = grouped.histogram()
    largest = max(range(_COLOURS), key=sizes.__getitem__)
    palette = grouped.getpalette() or [0, 0, 0]
    return "#" + bytes(palette[largest * 3 : largest * 3 + 3]).hex()
