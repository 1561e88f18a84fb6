"""Colour right everywhere: pixels in whatever space their profile names become sRGB, the web's default.

Display P3, what telephones take photos in, is kept: browsers show it where a small profile says so (docs/adr/0200).
Conversion is done on the rendition, not on the original, and only where it would change something that can be seen.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from io import BytesIO
from types import MappingProxyType

from PIL import Image, ImageChops, ImageCms

from photo_pipeline.domain.imaging.icc_profiles import DISPLAY_P3

_IMPERCEPTIBLE = 2
"""Of 255. A profile that moves no colour further than this is sRGB, or Display P3, under another name."""
_MAX_PROFILE_BYTES = 8 * 1024 * 1024
_PROFILE_MARK = b"ICC_PROFILE\0"
_PROFILE_HEAD = len(_PROFILE_MARK) + 2
"""The mark, the piece's number, the number of pieces."""
_CACHED_TRANSFORMS = 16
"""Photos of one batch come from few devices, and building a transform costs 2 ms (CMYK: up to 100)."""
_PROBE_STEPS = tuple(range(0, 256, 15))

_MODE_OF_SPACE: Mapping[str, str] = MappingProxyType({"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"})


class UnreadableProfileError(ValueError):
    """The embedded profile is damaged, or is not one for this kind of picture."""


def for_browsers(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """The picture in a space that browsers show, and the profile that it must be saved with.

    Args:
        image: mode L, RGB or CMYK; may be changed in place.
        profile: its ICC profile, if it has one.

    Returns:
        Display P3 with a profile of our own, which says nothing of whose it was, or sRGB, which needs none.

    Raises:
        UnreadableProfileError: as ``to_srgb`` does.
    """
    if profile is not None and image.mode == "RGB" and _transform(profile, "RGB", DISPLAY_P3) is None:
        return image, DISPLAY_P3
    return to_srgb(image, profile), None


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB.

    Args:
        image: mode L, RGB or CMYK; may be changed in place.
        profile: its ICC profile, if it has one. Without one, RGB and L are taken for sRGB.

    Returns:
        an image of mode RGB or L.

    Raises:
        UnreadableProfileError: the image is as good as it can be made by ``to_srgb(image, None)``.
    """
    if profile is None:
        return image.convert("RGB") if image.mode == "CMYK" else image
    if image.mode == "L" and _mode_of(profile) == "RGB":
        image = image.convert("RGB")
    transform = _transform(profile, image.mode, None)
    if transform is None:
        return image
    if image.mode == "RGB":
        return transform.apply_in_place(image)
    return transform.apply(image)


def joined_profile(segments: Iterable[tuple[str, bytes]]) -> bytes | None:
    """A JPEG's profile out of its application segments, wherever they stand before the scan (ICC.1, B.4).

    Where a piece is missing, the answer is one that cannot be opened.
    """
    pieces: dict[int, bytes] = {}
    announced = 0
    for name, content in segments:
        if name == "APP2" and content.startswith(_PROFILE_MARK) and len(content) > _PROFILE_HEAD:
            announced = content[_PROFILE_HEAD - 1]
            pieces.setdefault(content[_PROFILE_HEAD - 2], content[_PROFILE_HEAD:])
    if not pieces:
        return None
    return b"".join(pieces[number] for number in sorted(pieces)) if len(pieces) == announced else b"incomplete"


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    if len(profile) > _MAX_PROFILE_BYTES:
        raise UnreadableProfileError(f"a colour profile of {len(profile)} bytes")
    try:
        return ImageCms.ImageCmsProfile(BytesIO(profile))
    except (OSError, TypeError, ValueError) as error:
        raise UnreadableProfileError(f"the colour profile cannot be opened: {error}") from error


@lru_cache(maxsize=_CACHED_TRANSFORMS)
def _mode_of(profile: bytes) -> str | None:
    return _MODE_OF_SPACE.get(_opened(profile).profile.xcolor_space)


@lru_cache(maxsize=2 * _CACHED_TRANSFORMS)
def _transform(profile: bytes, mode: str, target: bytes | None) -> ImageCms.ImageCmsTransform | None:
    """What brings pictures of this mode to the target (sRGB where none is given), or ``None`` where nothing is seen."""
    try:
        transform = ImageCms.buildTransform(
            _opened(profile),
            ImageCms.createProfile("sRGB") if target is None else _opened(target),
            mode,
            "RGB",
            ImageCms.Intent.PERCEPTUAL,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        raise UnreadableProfileError(f"the colour profile does not fit a picture of mode {mode}: {error}") from error
    return None if mode != "CMYK" and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    probe = _probe(mode)
    difference = ImageChops.difference(transform.apply(probe), probe.convert("RGB"))
    visible = difference.point(lambda step: 255 if step > _IMPERCEPTIBLE else 0)
    return visible.getbbox() is None


def _probe(mode: str) -> Image.Image:
    """Every grey, or a grid over all of RGB."""
    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    colours = bytes(part for r in _PROBE_STEPS for g in _PROBE_STEPS for b in _PROBE_STEPS for part in (r, g, b))
    return Image.frombytes("RGB", (len(colours) // 3, 1), colours)
