"""What is see-through, where a decoder's mode alone does not say it right."""

from PIL import Image

_DEPTH_AT = 24
"""Bits of a sample, in a PNG's header."""
_WORD_BITS, _BYTE_BITS = 16, 8
_OPAQUE = 0xFF


def with_png_transparency(image: Image.Image, data: bytes) -> Image.Image:
    """A loaded PNG whose tRNS colour, which counts in the file's own bits, fits Pillow's pixels.

    A colour of three 16-bit samples is compared by its high bytes, as no more of the pixels is kept.
    """
    colour = image.info.get("transparency")
    depth = data[_DEPTH_AT]
    if isinstance(colour, int) and image.mode.startswith("I;16"):
        return _grey_without(image, colour)
    if isinstance(colour, int) and image.mode == "L" and depth < _BYTE_BITS:
        image.info["transparency"] = colour * _OPAQUE // (2**depth - 1)
    if isinstance(colour, int) and image.mode == "1":
        image.info["transparency"] = colour * _OPAQUE
    if isinstance(colour, tuple) and depth == _WORD_BITS:
        image.info["transparency"] = tuple(part >> _BYTE_BITS for part in colour)
    return image


def _grey_without(image: Image.Image, colour: int) -> Image.Image:
    mask = [_OPAQUE] * 2**_WORD_BITS
    mask[colour] = 0
    grey = Image.frombytes("L", image.size, image.tobytes(), "raw", "L;16B" if image.mode.endswith("B") else "L;16")
    return Image.merge("LA", (grey, image.convert("I").point(mask, "L")))


def on_its_canvas(frame: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """A GIF's first frame with nothing around it, where Pillow shows the first colour of its table."""
    if box == (0, 0, *frame.size):
        return frame
    canvas = Image.new("RGBA", frame.size)
    canvas.paste(frame.crop(box).convert("RGBA"), box)
    return canvas
