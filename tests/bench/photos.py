"""Photographs of 12 megapixels for the benchmarks."""

from io import BytesIO

from PIL import Image
from tests.support.images import samples_folder, scene

SIZE = (4000, 3000)
QUALITY = 92


def twelve_megapixels(seed: int) -> bytes:
    """A JPEG as a phone makes it: 4000 x 3000 pixels, about 3 MB; from a real photograph where there is one."""
    folder = samples_folder()
    if folder is None:
        picture = scene(*SIZE, seed, grain=6)
    else:
        samples = sorted(folder.glob("orientation/Landscape_*.jpg"))
        with Image.open(samples[seed % len(samples)]) as sample:
            enlarged = sample.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
        picture = Image.blend(enlarged, scene(*SIZE, seed, grain=24), 0.12)
    encoded = BytesIO()
    picture.save(encoded, "jpeg", quality=QUALITY)
    return encoded.getvalue()
