"""Photographs for the benchmarks."""

from io import BytesIO

from PIL import Image
from tests.support.images import samples_folder, scene

LARGE, LARGE_QUALITY = (4000, 3000), 92
SMALL, SMALL_QUALITY = (1024, 768), 70


def twelve_megapixels(seed: int) -> bytes:
    """A JPEG as a phone makes it: 4000 x 3000 pixels, about 3 MB; from a real photograph where there is one."""
    return _photograph(seed, LARGE, LARGE_QUALITY)


def hundred_kilobytes(seed: int) -> bytes:
    """A JPEG as messengers send it: 1024 x 768 pixels, about 100 KB."""
    return _photograph(seed, SMALL, SMALL_QUALITY)


def _photograph(seed: int, size: tuple[int, int], quality: int) -> bytes:
    folder = samples_folder()
    if folder is None:
        picture = scene(*size, seed, grain=6)
    else:
        samples = sorted(folder.glob("orientation/Landscape_*.jpg"))
        with Image.open(samples[seed % len(samples)]) as sample:
            resized = sample.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        picture = Image.blend(resized, scene(*size, seed, grain=24), 0.12)
    encoded = BytesIO()
    picture.save(encoded, "jpeg", quality=quality)
    return encoded.getvalue()
