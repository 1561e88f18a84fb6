"""The demo's photographs: repeatable, of every format, and fit for what they are to show."""

from collections import Counter
from io import BytesIO

import pytest
from PIL import Image

from local_stack.demo.corpus import KINDS, LARGE, make_photo, make_photos, odd_files, truncated_jpeg
from photo_pipeline.domain.errors import RecordRejected
from photo_pipeline.domain.imaging import ImageLimits, ProcessedImage, process, read_header
from photo_pipeline.domain.imaging.values import SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason

LIMITS = ImageLimits()


@pytest.fixture(scope="module")
def processed() -> list[ProcessedImage]:
    """One photograph of each kind, as the pipeline sees it."""
    return [process(photo.data, LIMITS) for photo in make_photos(len(KINDS))]


def test_same_seed_same_bytes() -> None:
    """A second demo sends the same photographs; another seed sends others."""
    assert make_photo(3).data == make_photo(3).data
    assert make_photo(3).data != make_photo(3, seed=1).data


def test_every_photo_is_another(processed: list[ProcessedImage]) -> None:
    """None is a duplicate by accident: the demo counts them."""
    assert len({photo.data for photo in make_photos(len(KINDS))}) == len(KINDS)
    assert len({image.metadata.blurhash for image in processed}) == len(KINDS)


def test_every_format_is_among_them(processed: list[ProcessedImage]) -> None:
    """A customer sends whatever their devices make."""
    formats = Counter(image.metadata.format for image in processed)
    assert set(formats) == set(SniffedFormat)
    assert formats[SniffedFormat.JPEG] > len(KINDS) // 3


def test_cameras_and_orientations_are_told(processed: list[ProcessedImage]) -> None:
    """Reports by camera have something to show, and a turned photo is large the way it is seen."""
    assert len({image.metadata.camera for image in processed if image.metadata.camera}) >= 5
    stored = Image.open(BytesIO(make_photo(12).data))
    seen = processed[12].metadata
    assert stored.size == (seen.height, seen.width)
    assert max(LARGE) == max(image.metadata.width for image in processed)


def test_odd_files_are_refused_at_the_door() -> None:
    """By their bytes, whatever their names say."""
    reasons = {}
    for file in odd_files():
        with pytest.raises(RecordRejected) as caught:
            read_header(file.data, LIMITS)
        reasons[file.name] = caught.value.reason
    assert reasons == {
        "letter.jpg": RejectReason.NOT_AN_IMAGE,
        "bomb.png": RejectReason.TOO_MANY_PIXELS,
        "static.jpg": RejectReason.NOT_AN_IMAGE,
        "empty.jpg": RejectReason.EMPTY,
    }


def test_a_cut_off_photo_passes_the_door_and_fails_inside() -> None:
    """Its header is fine, so only the pipeline can find out."""
    data = truncated_jpeg().data
    read_header(data, LIMITS)
    with pytest.raises(RecordRejected) as caught:
        process(data, LIMITS)
    assert caught.value.reason is RejectReason.TRUNCATED
