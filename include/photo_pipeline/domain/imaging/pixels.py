"""Every pixel layout that a decoder may deliver, brought to the few that can be resized and encoded."""

from functools import cache

from cykooz_resizer import AlphaMulDiv, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

_SIXTEEN_BIT_RAW = {"I;16": "L;16", "I;16L": "L;16", "I;16N": "L;16", "I;16B": "L;16B"}
_OPAQUE = frozenset({"L", "RGB", "CMYK"})
_WITH_ALPHA = frozenset({"LA", "PA"})
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_BYTE, _WORD, _WORD_BITS = 0xFF, 0xFFFF, 16
_HALF = 0.5
_FILTER = ResizeAlg.convolution(FilterType.catmull_rom)
"""Cheaper than three lobes of Lanczos by a third, and nobody sees it (docs/adr/0201)."""
_KEPT_PIXELS = 4 * 1024 * 1024
"""Between the two directions of a resize: what a worker may keep of it, as 16 MiB, for its next photo."""
_ABOVE_WHITE = 8.0
"""Floating samples count white as 1, and lights may be brighter. A picture of bytes that is all below this is black."""


def resizable(image: Image.Image) -> Image.Image:
    """The image in mode L, RGB, RGBA or CMYK, with 8 bits a channel."""
    if image.mode in _SIXTEEN_BIT_RAW:
        # The high byte. ``convert("L")`` clips instead: everything above 255 would be white.
        return Image.frombytes("L", image.size, image.tobytes(), "raw", _SIXTEEN_BIT_RAW[image.mode])
    if image.mode in {"I", "F"}:
        return _scaled_to_bytes(image)
    if image.mode in _PREMULTIPLIED:
        image = image.convert(_PREMULTIPLIED[image.mode])
    if image.mode == "RGBA":
        return image
    if image.mode in _WITH_ALPHA or image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in _OPAQUE:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def grey_bytes(image: Image.Image, bits: int) -> Image.Image:
    """A grey picture in mode L, from samples of so many bits."""
    if image.mode in _SIXTEEN_BIT_RAW and bits < _WORD_BITS:
        return image.point(lambda value: value * (_BYTE / (2**bits - 1)) + _HALF).convert("L")
    return resizable(image)


def _scaled_to_bytes(image: Image.Image) -> Image.Image:
    """32-bit samples carry no word on their range: take the smallest usual one that holds them all."""
    _, high = image.getextrema()
    high = _number(high)
    top = next((usual for usual in (_BYTE, _WORD) if high <= usual), high)
    if image.mode == "F" and high <= _ABOVE_WHITE:
        top = 1
    return image.convert("F").point(lambda value: value * (_BYTE / top) + _HALF).convert("L")


def _number(value: float | tuple[int, int]) -> float:
    return float(value if isinstance(value, (int, float)) else max(value))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A new image of that size, by bicubic convolution; carries none of the original's metadata.

    The original's pixels are of no further use where it has an alpha channel.
    """
    if image.size == size:
        same = Image.new(image.mode, size)
        same.paste(image)
        return same
    if image.mode != "RGBA":
        return _convolved(image, size)
    # A colour counts as much as it can be seen. In place, since the resizer's own way takes two copies.
    alpha = AlphaMulDiv()
    alpha.multiply_alpha_pil_inplace(image)
    small = _convolved(image, size)
    alpha.divide_alpha_pil_inplace(small)
    return small


def _convolved(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    target = Image.new(image.mode, size, None)  # every pixel will be written: black ones first cost a tenth of a resize
    resizer = _kept_resizer() if size[0] * image.height <= _KEPT_PIXELS else Resizer()
    resizer.resize_pil(image, target, ResizeOptions(resize_alg=_FILTER))
    return target


@cache
def _kept_resizer() -> Resizer:
    """One for a worker's photos, which come one after the other: fetching its memory anew costs a tenth of a resize."""
    return Resizer()


def flattened(image: Image.Image) -> Image.Image:
    """The image without transparency: what shows through is white."""
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image)
    return page
