"""CPU per 12-megapixel photo: ours against libvips, and against the least that libjpeg-turbo can do.

All contenders make the same three files (1600, 640 and 320 px, JPEG quality 80) from the same bytes, in one process, in
turns, and are measured by the CPU time of all its threads, so that libvips gains nothing by using several. ``ours`` is
``process`` as the workers call it: header check, EXIF, colour profile, blurhash and dominant colour included. ``floor``
decodes at a reduced scale and encodes pixels of the right size that were prepared beforehand: no resize, no metadata.
The allocator is set as in the workers, for every contender.

Display P3 is kept by ours, with a profile of its own (docs/adr/0200), and converted to sRGB by ``libvips``. ``colours
kept`` is libvips with the photo's own profile copied: what the choice saves is in that column, too.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO

import pyvips
import simplejpeg
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.bench.aims import Aim
from tests.bench.photos import twelve_megapixels
from tests.support import colour_profiles
from tests.support.images import encoded, exif_block, mean_difference, opened

from photo_pipeline.adapters.image_workers.process import ALLOCATOR
from photo_pipeline.domain.imaging import ImageLimits, process
from photo_pipeline.domain.imaging.decode import prepare_decoders
from photo_pipeline.domain.imaging.values import THUMB, THUMB_2X, WEB

AGAINST_VIPS, AGAINST_FLOOR = 0.55, 1.35
QUALITY = 80
EDGES = (WEB.edge, THUMB_2X.edge, THUMB.edge)
DISTINCT = 3
SAME_PICTURE = 3.0
"""Mean difference, of 255, above which two contenders did not make the same picture."""

Contender = Callable[[bytes], bytes]


def ours(photo: bytes) -> bytes:
    """What a worker does with a photo."""
    return process(photo, ImageLimits()).web.data


def libvips(photo: bytes) -> bytes:
    """``thumbnail`` from the bytes, with colour management where there is a profile; each smaller one from the last.

    Asked for sRGB on a photo without a profile, libvips would decode it in full: 330 ms.
    """
    managed = {"output_profile": "srgb"} if b"ICC_PROFILE" in photo else {}
    return _libvips(photo, **managed)


def libvips_with_profile(photo: bytes) -> bytes:
    """The same, keeping colours and profile as they are, whatever else the profile says."""
    return _libvips(photo, keep="icc")


def _libvips(photo: bytes, keep: str = "none", **options: str) -> bytes:
    web_file, source = b"", photo
    for edge in EDGES:
        picture = pyvips.Image.thumbnail_buffer(source, edge, height=edge, size="down", **options)
        source, options = picture.jpegsave_buffer(Q=QUALITY, keep=keep), {}
        web_file = web_file or source
    return web_file


def floor_for(photo: bytes) -> Contender:
    """Scaled decode and three encodes, of pixels that somebody else has resized."""
    web, *others = (_pixels(photo, edge) for edge in EDGES)
    height, width = web.shape[:2]

    def run(data: bytes) -> bytes:
        simplejpeg.decode_jpeg(data, min_width=width, min_height=height)
        for pixels in others:
            simplejpeg.encode_jpeg(pixels, quality=QUALITY, colorsubsampling="420")
        file: bytes = simplejpeg.encode_jpeg(web, quality=QUALITY, colorsubsampling="420")
        return file

    return run


def _pixels(photo: bytes, edge: int) -> "simplejpeg.SupportsBuffer":
    with Image.open(BytesIO(photo)) as image:
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        return simplejpeg.decode_jpeg(encoded(image.convert("RGB"), "jpeg", quality=95))


def photographs(icc_profile: bytes | None) -> Sequence[bytes]:
    """Photos with the metadata of a telephone."""
    exif = exif_block(make="Apple", model="iPhone 15 Pro", taken="2024:05:01 12:34:56", offset="+02:00", secrets=True)
    files = []
    for seed in range(DISTINCT):
        with Image.open(BytesIO(twelve_megapixels(seed))) as image:
            image.load()
            files.append(encoded(image, "jpeg", quality="keep", exif=exif, icc_profile=icc_profile))
    return files


def measure(photos: Sequence[bytes], rounds: int, label: str) -> Mapping[str, float]:
    """Median milliseconds of CPU per photo of each contender, taking turns."""
    fixed: dict[str, Contender] = {"ours": ours, "libvips": libvips, "colours kept": libvips_with_profile}
    floors = {photo: floor_for(photo) for photo in photos}
    for photo in photos:
        _check_same_picture(photo)
    taken: dict[str, list[float]] = {name: [] for name in [*fixed, "floor"]}
    for number in track(range(rounds), description=label):
        photo = photos[number % len(photos)]
        for name, contender in {**fixed, "floor": floors[photo]}.items():
            start = time.process_time()
            contender(photo)
            taken[name].append((time.process_time() - start) * 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


def _check_same_picture(photo: bytes) -> None:
    difference = mean_difference(colour_profiles.shown(opened(ours(photo))), opened(libvips(photo)))
    if difference > SAME_PICTURE:
        sys.exit(f"ours and libvips differ by {difference:.1f} of 255: they do not do the same work")


def report(results: Mapping[str, Mapping[str, float]]) -> Table:
    """Milliseconds per photo and their ratios."""
    table = Table(title="CPU per 12-megapixel JPEG, median ms (less is better)")
    names = list(next(iter(results.values())))
    for heading in ["photo", *names, "ours / libvips", "ours / floor"]:
        table.add_column(heading, justify="left" if heading == "photo" else "right")
    for case, times in results.items():
        against_vips = times["ours"] / times["libvips"]
        against_floor = times["ours"] / times["floor"]
        milliseconds = [f"{times[name]:.1f}" for name in names]
        table.add_row(case, *milliseconds, f"{against_vips:.2f}", f"{against_floor:.2f}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="photos per contender and kind (default: 30)")
    rounds = parser.parse_args(arguments).rounds
    prepare_decoders()
    pyvips.cache_set_max(0)
    profiles = {
        "no profile": None,
        "sRGB profile": colour_profiles.srgb(),
        "Display P3 profile": colour_profiles.display_p3(),
    }
    results = {case: measure(photographs(profile), rounds, case) for case, profile in profiles.items()}
    console = Console()
    console.print(report(results))
    for case, times in results.items():
        console.print(str(Aim(f"{case}, x libvips", times["ours"] / times["libvips"], AGAINST_VIPS)))
        console.print(str(Aim(f"{case}, x floor", times["ours"] / times["floor"], AGAINST_FLOOR)))
    return 0


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):
        # glibc reads its settings when a process starts.
        os.execve(  # noqa: S606 - our own interpreter, again
            sys.executable,
            [sys.executable, "-m", "tests.bench.bench_imaging", *sys.argv[1:]],
            {**os.environ, **ALLOCATOR},
        )
    sys.exit(main())
