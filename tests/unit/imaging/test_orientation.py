"""However a camera was held, the photo is seen upright."""

from pathlib import Path

import pytest
from PIL import Image
from tests.support.images import (
    ORIENTATIONS,
    encoded,
    exif_block,
    mean_difference,
    opened,
    samples_folder,
    scene,
    stored_sideways,
)

from photo_pipeline.domain.imaging import ImageLimits, SniffedFormat, process

LIMITS = ImageLimits()
WITH_EXIF = [SniffedFormat.JPEG, SniffedFormat.PNG, SniffedFormat.WEBP, SniffedFormat.TIFF, SniffedFormat.AVIF]
FOLDER = samples_folder()
PHOTOS = sorted((FOLDER / "orientation").glob("*.jpg")) if FOLDER else []


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", [*WITH_EXIF, SniffedFormat.HEIF])
def test_orientation_is_honoured(kind: SniffedFormat, orientation: int) -> None:
    """Renditions and the stated size are upright in every format that notes how the camera was held."""
    size = (3400, 1000) if kind is SniffedFormat.JPEG else (360, 240)
    upright = scene(*size)
    stored = stored_sideways(upright, orientation)
    exif = exif_block(orientation=orientation).tobytes()
    processed = process(encoded(stored, kind, exif=exif), LIMITS)
    web = opened(processed.web.data)
    assert (processed.metadata.width, processed.metadata.height) == size
    assert mean_difference(web, upright.resize(web.size, Image.Resampling.LANCZOS)) < 12
    assert (processed.web.width, processed.web.height) == web.size
    assert opened(processed.thumb.data).size == (processed.thumb.width, processed.thumb.height)
    assert processed.thumb.width > processed.thumb.height


@pytest.mark.parametrize("value", [0, 9, 255])
def test_orientations_that_do_not_exist_are_ignored(value: int) -> None:
    """Values outside the standard leave the picture as it is stored."""
    picture = scene(300, 200)
    processed = process(encoded(picture, "jpeg", exif=exif_block(orientation=value or 0)), LIMITS)
    assert (processed.metadata.width, processed.metadata.height) == (300, 200)
    assert mean_difference(opened(processed.web.data), picture) < 12


@pytest.mark.skipif(not PHOTOS, reason="no real photographs in $PHOTO_SAMPLES or ../shared/photos")
@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_real_photographs_look_the_same_in_every_orientation(photo: Path) -> None:
    """The published example photographs, each stored in every orientation, all come out as the upright one."""
    reference = opened(photo.with_stem(photo.stem.split("_")[0] + "_1").read_bytes())
    processed = process(photo.read_bytes(), LIMITS)
    web = opened(processed.web.data)
    assert (processed.metadata.width, processed.metadata.height) == reference.size
    assert mean_difference(web, reference.resize(web.size, Image.Resampling.LANCZOS)) < 6
