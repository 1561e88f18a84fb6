"""What the renditions look like, whatever the original was."""

import struct
import zlib
from io import BytesIO

import blurhash_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops
from tests.support.images import encoded, exif_block, mean_difference, one_of_each, opened, png, scene

from photo_pipeline.domain.imaging import ImageLimits, ProcessedImage, SniffedFormat, process
from photo_pipeline.domain.imaging.geometry import fitted
from photo_pipeline.domain.imaging.pixels import resizable
from photo_pipeline.domain.imaging.values import THUMB, THUMB_2X, WEB, Bounds
from photo_pipeline.domain.photo import RenditionKind

LIMITS = ImageLimits()
JPEG_EDGE = 65_500
"""Longer ones are not written by libjpeg."""


def _web(data: bytes) -> Image.Image:
    return opened(process(data, LIMITS).web.data).convert("RGB")


def _check_consistent(processed: ProcessedImage) -> None:
    kinds = (RenditionKind.WEB, RenditionKind.THUMB, RenditionKind.THUMB_2X)
    for rendition, kind, bounds in zip(processed.renditions, kinds, (WEB, THUMB, THUMB_2X), strict=False):
        image = opened(rendition.data)
        assert rendition.kind is kind
        assert rendition.content_type == "image/jpeg"
        assert image.size == (rendition.width, rendition.height)
        assert max(image.size) <= bounds.longest
        assert min(image.size) <= bounds.edge


@pytest.mark.parametrize("kind", SniffedFormat)
def test_every_format_looks_like_what_was_photographed(kind: SniffedFormat) -> None:
    """Each format is decoded, stated with its size, and shown without being enlarged."""
    picture = scene(640, 427)
    processed = process(encoded(picture, kind), LIMITS)
    _check_consistent(processed)
    assert (processed.metadata.format, processed.metadata.width, processed.metadata.height) == (kind, 640, 427)
    assert (processed.web.width, processed.web.height) == (640, 427)
    assert (processed.thumb.width, processed.thumb.height) == (320, 214)
    assert processed.thumb2x is None
    assert mean_difference(opened(processed.web.data), picture) < (16 if kind is SniffedFormat.GIF else 7)


@pytest.mark.parametrize(
    ("size", "web", "thumb", "thumb2x"),
    [
        ((4000, 3000), (1600, 1200), (320, 240), (640, 480)),
        ((3000, 4000), (1200, 1600), (240, 320), (480, 640)),
        ((1601, 1600), (1600, 1599), (320, 320), (640, 640)),
        ((1600, 900), (1600, 900), (320, 180), (640, 360)),
        ((900, 675), (900, 675), (320, 240), None),
        ((1, 1), (1, 1), (1, 1), None),
        ((12000, 3000), (1920, 480), (384, 96), (768, 192)),
        ((12000, 900), (6400, 480), (1280, 96), (2560, 192)),
        ((900, 12000), (480, 6400), (96, 1280), (192, 2560)),
        ((20000, 500), (8192, 205), (3836, 96), None),
        ((20000, 100), (8192, 41), (4096, 20), None),
        ((2000, 100), (2000, 100), (1920, 96), None),
        ((9000, 3), (8192, 3), (4096, 2), None),
        ((2, 6000), (2, 6000), (1, 4096), None),
        ((1, 65535), (1, 8192), (1, 4096), None),
        ((65535, 2), (8192, 1), (4096, 1), None),
    ],
)
def test_sizes(
    size: tuple[int, int], web: tuple[int, int], thumb: tuple[int, int], thumb2x: tuple[int, int] | None
) -> None:
    """The long edge is what it must be, a panorama is no strip, nothing is enlarged, and nothing vanishes.

    The thumb for dense screens is made where ``web`` would be far too large in its place.
    """
    kind = "jpeg" if max(size) <= JPEG_EDGE else "png"
    processed = process(encoded(Image.new("RGB", size, "olive"), kind), LIMITS)
    _check_consistent(processed)
    assert (processed.metadata.width, processed.metadata.height) == size
    assert (processed.web.width, processed.web.height) == web
    assert (processed.thumb.width, processed.thumb.height) == thumb
    assert processed.thumb2x is None or (processed.thumb2x.width, processed.thumb2x.height) == thumb2x
    assert (processed.thumb2x is None) == (thumb2x is None)


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "gif", "bmp", "avif"])
def test_a_panorama_of_any_format_is_seen(kind: str) -> None:
    """Renditions of another format than JPEG, whose decoder cannot reduce, have a panorama's bounds as well."""
    picture = scene(16000, 160)
    processed = process(encoded(picture, kind), LIMITS)
    _check_consistent(processed)
    assert (processed.web.width, processed.web.height) == (8192, 82)
    assert (processed.thumb.width, processed.thumb.height) == (4096, 41)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.sampled_from([WEB, THUMB, THUMB_2X]))
def test_fitting_keeps_the_shape(width: int, height: int, bounds: Bounds) -> None:
    """Never larger than the bounds or the original, never below one pixel, and as wide to high as before.

    What is no panorama has the edge; a panorama has as much of its shorter edge as its longer one allows.
    """
    fit = fitted((width, height), bounds)
    short, long = min(width, height), max(width, height)
    assert 1 <= min(fit) <= max(fit) <= bounds.longest
    assert fit[0] <= width
    assert fit[1] <= height
    assert fit[0] * fit[1] <= max(bounds.edge**2, bounds.strip * bounds.longest)
    assert abs(fit[0] * long - width * max(fit)) <= long
    if short * bounds.edge >= bounds.strip * long:
        assert max(fit) == min(bounds.edge, long)
    else:
        assert min(fit) == min(bounds.strip, short) or max(fit) == min(bounds.longest, long)


def test_a_reduced_decode_is_as_sharp_as_a_full_one() -> None:
    """Decoding a JPEG at half size first must not be seen."""
    picture = scene(4000, 3000)
    data = encoded(picture, "jpeg", quality=92)
    reference = Image.open(BytesIO(data)).convert("RGB").resize((1600, 1200), Image.Resampling.LANCZOS)
    assert mean_difference(_web(data), reference) < 3


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_jpeg_of_every_build(options: dict[str, object]) -> None:
    """Progressive, full-chroma and restartable files are the same picture."""
    picture = scene(1800, 1200)
    assert mean_difference(_web(encoded(picture, "jpeg", **options)), picture.resize((1600, 1067))) < 6


def test_a_jpeg_with_further_pictures_shows_the_first() -> None:
    """Telephones append a depth map or a second view (MPO)."""
    first, second = scene(400, 300, seed=1), scene(400, 300, seed=2)
    data = encoded(first, "mpo", save_all=True, append_images=[second])
    processed = process(data, LIMITS)
    assert processed.metadata.format is SniffedFormat.JPEG
    assert mean_difference(opened(processed.web.data), first) < 7


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "tiff", "avif"])
def test_of_several_pictures_the_first_is_shown(kind: str) -> None:
    """Animations and multi-page files are shown by their first picture."""
    pages = [scene(200, 150, seed=seed) for seed in range(4)]
    data = encoded(pages[0], kind, save_all=True, append_images=pages[1:])
    assert mean_difference(_web(data), pages[0]) < 18
    assert mean_difference(_web(data), pages[3]) > 30


def _half(mode: str, left: object, right: object) -> Image.Image:
    image = Image.new(mode, (64, 32), left)  # type: ignore[arg-type] # one call for every mode
    image.paste(Image.new(mode, (32, 32), right), (32, 0))  # type: ignore[arg-type] # likewise
    return image


GREY, DARK = (128, 128, 128), (0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "image", "expected"),
    [
        ("png", _half("1", 0, 1), (DARK, (255, 255, 255))),
        ("png", _half("L", 0, 128), (DARK, GREY)),
        ("png", _half("LA", (0, 255), (0, 0)), (DARK, (255, 255, 255))),
        ("png", _half("RGBA", (255, 0, 0, 255), (0, 0, 0, 127)), ((255, 0, 0), GREY)),
        ("png", _half("RGB", (250, 0, 0), (0, 0, 250)).quantize(4), ((250, 0, 0), (0, 0, 250))),
        ("png", _half("I;16", 0, 0x8000), (DARK, GREY)),
        ("tiff", _half("I;16B", 0, 0x8000), (DARK, GREY)),
        ("tiff", _half("I;16", 0, 300), (DARK, (1, 1, 1))),
        ("tiff", _half("F", 0.0, 0.5), (DARK, GREY)),
        ("tiff", _half("F", 0.0, 128.0), (DARK, GREY)),
        ("tiff", _half("I", 0, 0x8000), (DARK, GREY)),
        ("tiff", _half("I", 0, 1), (DARK, (1, 1, 1))),
        ("tiff", _half("I", 1 << 20, 1 << 21), (GREY, (255, 255, 255))),
        ("tiff", _half("YCbCr", (128, 128, 128), (0, 128, 128)), (GREY, DARK)),
        ("tiff", _half("LAB", (137, 128, 128), (0, 128, 128)), (GREY, DARK)),
        ("tiff", _half("CMYK", (0, 0, 0, 127), (255, 255, 255, 0)), (GREY, DARK)),
        ("webp", _half("RGBA", (255, 0, 0, 255), (0, 0, 0, 0)), ((255, 0, 0), (255, 255, 255))),
        ("gif", _half("L", 0, 128), (DARK, GREY)),
        ("bmp", _half("1", 0, 1), (DARK, (255, 255, 255))),
        ("avif", _half("RGBA", (0, 0, 0, 255), (0, 0, 0, 127)), (DARK, GREY)),
    ],
)
def test_every_pixel_layout_comes_out_right(
    kind: str, image: Image.Image, expected: tuple[tuple[int, int, int], tuple[int, int, int]]
) -> None:
    """Bits, palettes, 16 and 32 bits, inks, and transparency (laid on white) end as the colours they stand for."""
    web = _web(encoded(image, kind))
    assert web.getpixel((8, 16)) == pytest.approx(expected[0], abs=9)
    assert web.getpixel((56, 16)) == pytest.approx(expected[1], abs=9)


def test_one_colour_that_stands_for_nothing() -> None:
    """A colour named transparent, in a palette and out of one, shows the white page."""
    for image in (_half("RGB", (9, 200, 9), (0, 0, 0)), _half("L", 77, 0)):
        colour = image.getpixel((0, 0))
        assert _web(encoded(image, "png", transparency=colour)).getpixel((8, 16)) == pytest.approx((255,) * 3, abs=9)
    palette = _half("P", 0, 1)
    palette.putpalette([200, 0, 0, 0, 0, 200])
    assert _web(encoded(palette, "gif", transparency=0)).getpixel((8, 16)) == pytest.approx((255,) * 3, abs=9)


def test_colour_that_cannot_be_seen_does_not_bleed() -> None:
    """Where a cut-out is made smaller, the invisible green around it must not tint its edge."""
    picture = Image.new("RGBA", (3200, 1000), (0, 255, 0, 0))
    for left in range(1, 3200, 100):
        picture.paste((255, 0, 0, 255), (left, 0, left + 50, 1000))
    web = _web(encoded(picture, "png"))
    assert web.size == (1600, 500)
    _, green, blue = web.split()
    _, most = ImageChops.subtract(green, blue).getextrema()
    assert most < 25  # type: ignore[operator] # one band


def test_sixteen_bit_colour() -> None:
    """A PNG with 16 bits a channel is reduced, not clipped."""
    row = b"\0" + struct.pack(">HHH", 0x8000, 0x4000, 0xC000) * 16
    data = png(struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0), zlib.compress(row * 16))
    assert _web(data).getpixel((8, 8)) == pytest.approx((128, 64, 192), abs=4)


@pytest.mark.parametrize("mode", ["La", "RGBa", "RGBX", "HSV", "PA"])
def test_layouts_that_no_file_here_holds_can_be_resized_too(mode: str) -> None:
    """A decoder of tomorrow may deliver them."""
    alpha = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode, "RGB")
    assert resizable(scene(8, 8).convert(alpha).convert(mode)).mode in {"L", "RGB", "RGBA", "CMYK"}


def test_the_placeholder_shows_the_photo() -> None:
    """The blurhash decodes to a blurred version of the photo; the dominant colour is one that is seen in it."""
    picture = Image.new("RGB", (900, 600), (20, 60, 160))
    picture.paste((230, 200, 40), (600, 0, 900, 600))
    metadata = process(encoded(picture, "jpeg", quality=95), LIMITS).metadata
    blurred = blurhash_rs.blurhash_decode(metadata.blurhash, 90, 60)
    red_band, _, blue_band = blurred.split()
    blueness = ImageChops.subtract(blue_band, red_band, 1, 128)
    assert blueness.getpixel((10, 30)) > 128 > blueness.getpixel((85, 30))  # type: ignore[operator] # one band
    red, green, blue = bytes.fromhex(metadata.dominant_color.removeprefix("#"))
    assert (red, green, blue) == pytest.approx((20, 60, 160), abs=12)


def test_tall_photos_have_tall_placeholders() -> None:
    """The longer side gets more of the blurhash's components (its first character tells how many)."""
    tall, wide = (process(encoded(scene(*size), "jpeg"), LIMITS).metadata for size in ((300, 400), (400, 300)))
    assert (tall.blurhash[0], wide.blurhash[0]) == ("T", "L")


def test_the_same_bytes_give_the_same_renditions() -> None:
    """A retried slice writes the very same shard."""
    data = encoded(scene(2000, 1500), "jpeg", exif=exif_block(orientation=6, make="Canon"))
    assert process(data, LIMITS) == process(data, LIMITS)


def test_one_of_each_is_really_one_of_each() -> None:
    """The helper that other tests rely on makes every format."""
    assert set(one_of_each(32, 32)) == set(SniffedFormat)
