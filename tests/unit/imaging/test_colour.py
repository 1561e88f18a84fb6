"""Colours are those that the embedded profile means, for whoever follows the rendition's own profile or has none."""

from io import BytesIO

import pytest
from PIL import Image, ImageCms
from tests.support import colour_profiles
from tests.support.colour_profiles import as_srgb, shown
from tests.support.images import SECRET_SERIAL, encoded, mean_difference, opened, scene

from photo_pipeline.domain.imaging import ImageLimits, SniffedFormat, process
from photo_pipeline.domain.imaging.colour import UnreadableProfileError, to_srgb
from photo_pipeline.domain.imaging.icc_profiles import DISPLAY_P3

LIMITS = ImageLimits()


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
    """Display P3 (telephones) and Adobe RGB (cameras) look as they should."""
    picture = scene(*size)
    processed = process(encoded(picture, kind, icc_profile=profile, quality=95), LIMITS)
    web = shown(opened(processed.web.data))
    expected = as_srgb(picture, profile).resize(web.size, Image.Resampling.LANCZOS)
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
    assert mean_difference(web, as_srgb(picture, profile)) < 12
    assert mean_difference(as_srgb(picture, profile), picture.convert("RGB")) > 12
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
    expected = as_srgb(Image.new("RGB", (1, 1), (127, 227, 127)), colour_profiles.display_p3()).getpixel((0, 0))
    processed = process(encoded(picture, "png", icc_profile=colour_profiles.display_p3()), LIMITS)
    assert shown(opened(processed.web.data)).getpixel((20, 20)) == pytest.approx(expected, abs=4)


def test_display_p3_is_kept_with_a_profile_that_names_nobody() -> None:
    """What the renditions hold of it is always the same half kilobyte, whatever a telephone's own profile tells."""
    files = [
        encoded(scene(400, 300), "jpeg", quality=95, icc_profile=colour_profiles.display_p3(name))
        for name in ("Display P3", f"Erika's telephone, {SECRET_SERIAL}")
    ]
    one, other = (process(file, LIMITS) for file in files)
    assert one.renditions == other.renditions
    for rendition in one.renditions:
        assert opened(rendition.data).info["icc_profile"] == DISPLAY_P3
        assert SECRET_SERIAL.encode() not in rendition.data
    assert len(DISPLAY_P3) < 512


def test_a_red_that_srgb_cannot_show_is_still_in_the_renditions() -> None:
    """Two reds of Display P3 that sRGB would make one and the same are two."""
    picture = Image.new("RGB", (640, 320), (255, 0, 0))
    picture.paste((235, 0, 0), (320, 0, 640, 320))
    processed = process(encoded(picture, "png", icc_profile=colour_profiles.display_p3()), LIMITS)
    for rendition in processed.renditions:
        image = opened(rendition.data)
        reds = [image.getpixel((image.width * share // 4, 40)) for share in (1, 3)]
        assert reds[0][0] - reds[1][0] == pytest.approx(20, abs=3)  # type: ignore[index] # three bands


def test_the_profile_that_is_written_is_display_p3() -> None:
    """As a colour management of its own reads it: primaries, white and curve."""
    profile = ImageCms.ImageCmsProfile(BytesIO(DISPLAY_P3))
    theirs = ImageCms.ImageCmsProfile(BytesIO(colour_profiles.display_p3()))
    transform = ImageCms.buildTransform(profile, theirs, "RGB", "RGB", flags=ImageCms.Flags.NOOPTIMIZE)
    ramp = scene(64, 64)
    assert mean_difference(transform.apply(ramp), ramp) < 0.2
    assert profile.profile.profile_description == "Display P3"


def test_a_placeholder_is_in_srgb() -> None:
    """Style sheets and blurhashes know no other space."""
    picture, profile = Image.new("RGB", (200, 100), (60, 200, 60)), colour_profiles.display_p3()
    plain = encoded(as_srgb(picture, profile), "png")
    wide = encoded(picture, "png", icc_profile=profile)
    placeholders = [process(file, LIMITS).metadata for file in (plain, wide)]
    colours = [bytes.fromhex(found.dominant_color.removeprefix("#")) for found in placeholders]
    assert tuple(colours[1]) == pytest.approx(tuple(colours[0]), abs=3)
    assert placeholders[0].blurhash[2:6] == placeholders[1].blurhash[2:6]


@pytest.mark.parametrize(
    ("kind", "mode", "profile"),
    [
        ("png", "RGB", colour_profiles.srgb()),
        ("png", "RGB", colour_profiles.adobe_rgb()),
        ("png", "RGB", b"no profile at all"),
        ("png", "L", colour_profiles.linear_grey()),
        ("jpeg", "CMYK", colour_profiles.offset_cmyk()),
        ("png", "RGB", None),
    ],
    ids=["srgb", "adobe", "broken", "grey", "cmyk", "none"],
)
def test_everything_else_is_srgb_and_says_nothing(kind: str, mode: str, profile: bytes | None) -> None:
    """No other profile is passed on, of however few bytes."""
    processed = process(encoded(scene(60, 40).convert(mode), kind, icc_profile=profile), LIMITS)
    assert "icc_profile" not in opened(processed.web.data).info
    assert "icc_profile" not in opened(processed.thumb.data).info
