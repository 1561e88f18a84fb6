"""Colours are those that the embedded profile means, shown in sRGB."""

from io import BytesIO

import pytest
from PIL import Image, ImageCms
from tests.support import colour_profiles
from tests.support.images import encoded, mean_difference, opened, scene

from photo_pipeline.domain.imaging import ImageLimits, SniffedFormat, process
from photo_pipeline.domain.imaging.colour import UnreadableProfileError, to_srgb

LIMITS = ImageLimits()


def _reference(image: Image.Image, profile: bytes) -> Image.Image:
    """The whole picture converted at full size and without any shortcut."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.PERCEPTUAL,
        ImageCms.Flags.NOOPTIMIZE | ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return transform.apply(image)


@pytest.mark.parametrize("profile", [colour_profiles.display_p3(), colour_profiles.adobe_rgb()], ids=["p3", "adobe"])
@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (SniffedFormat.JPEG, (3300, 700)),
        (SniffedFormat.PNG, (640, 480)),
        (SniffedFormat.WEBP, (640, 480)),
        (SniffedFormat.TIFF, (640, 480)),
        (SniffedFormat.AVIF, (640, 480)),
        (SniffedFormat.HEIF, (640, 480)),
    ],
)
def test_wide_gamut_photos_keep_their_colours(kind: SniffedFormat, size: tuple[int, int], profile: bytes) -> None:
    """Display P3 (telephones) and Adobe RGB (cameras) look as they should where no profile is read."""
    picture = scene(*size)
    processed = process(encoded(picture, kind, icc_profile=profile, quality=95), LIMITS)
    web = opened(processed.web.data)
    expected = _reference(picture, profile).resize(web.size, Image.Resampling.LANCZOS)
    naive = picture.resize(web.size, Image.Resampling.LANCZOS)
    assert mean_difference(web, expected) < 4
    assert mean_difference(naive, expected) > 8, "the profile must matter for this test to mean anything"
    assert processed.metadata.warnings == ()


def test_srgb_under_another_name_is_left_alone() -> None:
    """A profile that changes nothing costs nothing: the pixels stay the very same."""
    picture = scene(100, 80)
    untouched = picture.copy()
    assert to_srgb(picture, colour_profiles.srgb()) is picture
    assert mean_difference(picture, untouched) == 0


def test_grey_with_a_curve_of_its_own_is_converted() -> None:
    """Linear grey would be far too dark if its samples were shown as they are."""
    picture = Image.new("L", (50, 50), 55)
    processed = process(encoded(picture, "png", icc_profile=colour_profiles.linear_grey()), LIMITS)
    assert opened(processed.web.data).convert("L").getpixel((25, 25)) == pytest.approx(128, abs=4)


def test_a_grey_picture_may_carry_a_profile_for_colour() -> None:
    """Scanners do that; grey stays grey."""
    processed = process(encoded(Image.new("L", (50, 50), 128), "png", icc_profile=colour_profiles.display_p3()), LIMITS)
    assert opened(processed.web.data).convert("RGB").getpixel((9, 9)) == pytest.approx((128, 128, 128), abs=2)
    assert processed.metadata.warnings == ()


@pytest.mark.parametrize("kind", [SniffedFormat.JPEG, SniffedFormat.TIFF])
def test_inks_become_the_colours_that_their_profile_says(kind: SniffedFormat) -> None:
    """CMYK with a profile is converted by it, in JPEG (which stores ink inverted) and in TIFF (which does not)."""
    profile = colour_profiles.offset_cmyk()
    picture = scene(700, 500).convert("CMYK")
    processed = process(encoded(picture, kind, icc_profile=profile), LIMITS)
    web = opened(processed.web.data)
    assert mean_difference(web, _reference(picture, profile)) < 12
    assert mean_difference(_reference(picture, profile), picture.convert("RGB")) > 12
    assert processed.metadata.warnings == ()


@pytest.mark.parametrize("kind", [SniffedFormat.JPEG, SniffedFormat.TIFF])
def test_inks_without_a_profile_are_not_a_negative(kind: SniffedFormat) -> None:
    """Paper is white and full ink is dark."""
    picture = Image.new("CMYK", (64, 32), (0, 0, 0, 0))
    picture.paste((0, 255, 255, 0), (32, 0, 64, 32))
    web = opened(process(encoded(picture, kind), LIMITS).web.data).convert("RGB")
    assert web.getpixel((8, 16)) == pytest.approx((255, 255, 255), abs=6)
    assert web.getpixel((56, 16)) == pytest.approx((255, 0, 0), abs=6)


@pytest.mark.parametrize(
    "profile", [b"no profile at all", colour_profiles.display_p3()[:200], colour_profiles.offset_cmyk(), bytes(9 << 20)]
)
def test_an_unreadable_profile_is_a_warning(profile: bytes) -> None:
    """The picture can still be shown: it is taken for sRGB and marked."""
    picture = scene(400, 300)
    processed = process(encoded(picture, "png", icc_profile=profile), LIMITS)
    assert processed.metadata.warnings == ("icc_unreadable",)
    assert mean_difference(opened(processed.web.data), picture) < 12


def test_what_is_wrong_with_a_profile_is_said() -> None:
    """A profile for ink on a picture of light is refused as such."""
    with pytest.raises(UnreadableProfileError, match="does not fit"):
        to_srgb(scene(10, 10), colour_profiles.offset_cmyk())


def test_transparency_and_a_profile_go_together() -> None:
    """A half-transparent wide-gamut picture is converted and laid on white."""
    picture = Image.new("RGBA", (40, 40), (0, 200, 0, 128))
    expected = _reference(Image.new("RGB", (1, 1), (127, 227, 127)), colour_profiles.display_p3()).getpixel((0, 0))
    processed = process(encoded(picture, "png", icc_profile=colour_profiles.display_p3()), LIMITS)
    assert opened(processed.web.data).convert("RGB").getpixel((20, 20)) == pytest.approx(expected, abs=4)
