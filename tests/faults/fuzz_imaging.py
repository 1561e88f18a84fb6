"""Mutated photos of every format through the worker pool: each must end as renditions or as a reason.

    python -m tests.faults.fuzz_imaging --inputs 20000 --seed 1

Input number ``n`` of a seed is always the same bytes, so what is found can be repeated with ``--only n``. Bounded by
``--inputs`` and ``--seconds``. Exits 1 where an input ended any other way than as an outcome.
"""

import argparse
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from io import BytesIO

from PIL import Image
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from tests.support import colour_profiles
from tests.support.images import encoded, exif_block, one_of_each, scene

from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.adapters.image_workers.worker_time import TimeLimits
from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, ProcessedImage
from photo_pipeline.domain.outcomes import RejectReason

IN_FLIGHT = 64
TIME_LIMITS = TimeLimits(own_seconds=20.0, machine_seconds=300.0)
MEMORY_BYTES = 1024 * 1024 * 1024
EXPLAINED = {RejectReason.DECODER_CRASHED, RejectReason.DECODER_TIMEOUT, RejectReason.DECODER_OUT_OF_MEMORY}
"""Outcomes that are right but worth a look: each such input is named."""
TIFF_COMPRESSIONS = ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits")

INTERESTING = tuple(
    struct.pack(order + code, value)
    for order in "<>"
    for code, values in (
        ("H", (0, 1, 0x7FFF, 0x8000, 0xFFFF)),
        ("I", (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF)),
    )
    for value in values
)
"""Numbers at which arithmetic goes wrong."""


def originals() -> Sequence[bytes]:
    """Small photos that between them use what the decoders can do."""
    picture = scene(120, 80)
    exif = exif_block(orientation=6, make="Canon", model="EOS", taken="2024:05:01 12:34:56", secrets=True).tobytes()
    profile = colour_profiles.display_p3()
    pages = [scene(60, 40, seed) for seed in range(3)]
    return [
        *one_of_each(120, 80).values(),
        *(encoded(picture, kind, exif=exif, icc_profile=profile) for kind in ("jpeg", "png", "webp", "tiff", "avif")),
        encoded(picture, "heif", exif=exif),
        encoded(picture, "jpeg", progressive=True),
        encoded(picture.convert("CMYK"), "jpeg", icc_profile=colour_profiles.offset_cmyk()),
        encoded(pages[0], "mpo", save_all=True, append_images=pages[1:]),
        encoded(picture, "webp", lossless=True),
        encoded(picture.convert("RGBA"), "webp"),
        encoded(picture.quantize(16), "png", transparency=3),
        encoded(picture.convert("I;16"), "png"),
        encoded(picture.convert("L").convert("1"), "tiff", compression="group4"),
        *(encoded(picture, "tiff", compression=name) for name in TIFF_COMPRESSIONS),
        *(encoded(pages[0], kind, save_all=True, append_images=pages[1:]) for kind in ("gif", "png", "webp")),
        _without_times(encoded(pages[0], "avif", save_all=True, append_images=pages[1:])),
        encoded(picture.quantize(200), "bmp"),
    ]


def _without_times(film: bytes) -> bytes:
    """An AVIF sequence notes when it was made; without that it is the same every time."""
    data = bytearray(film)
    for name in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.index(name) + len(name) + 4
        data[at : at + 16] = bytes(16)
    return bytes(data)


def _overwrite(data: bytearray, numbers: random.Random) -> None:
    patch = numbers.choice([numbers.randbytes(numbers.randint(1, 16)), numbers.choice(INTERESTING)])
    at = _place(data, numbers)
    data[at : at + len(patch)] = patch


def _flip(data: bytearray, numbers: random.Random) -> None:
    for _ in range(numbers.randint(1, 8)):
        data[numbers.randrange(len(data))] ^= 1 << numbers.randrange(8)


def _cut(data: bytearray, numbers: random.Random) -> None:
    del data[numbers.randrange(len(data)) :]


def _remove(data: bytearray, numbers: random.Random) -> None:
    at = _place(data, numbers)
    del data[at : at + numbers.randint(1, 64)]


def _repeat(data: bytearray, numbers: random.Random) -> None:
    at = _place(data, numbers)
    data[at:at] = data[at : at + numbers.randint(1, 256)] * numbers.randint(1, 4)


def _place(data: bytearray, numbers: random.Random) -> int:
    """More often than not in the first part, where the structure is."""
    return numbers.randrange(min(len(data), numbers.choice([64, 512, len(data)])))


Mutation = Callable[[bytearray, random.Random], None]
MUTATIONS: Sequence[Mutation] = (*[_overwrite] * 3, *[_flip] * 3, *[_repeat] * 2, _remove, _cut)
"""The likelier ones leave files whole: those get furthest into a decoder."""


def mutated(photos: Sequence[bytes], seed: int, number: int) -> bytes:
    """Input ``number`` of a seed."""
    numbers = random.Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
    data = bytearray(photos[number % len(photos)])
    if numbers.random() < 0.05:
        other = numbers.choice(photos)
        data[numbers.randrange(len(data)) :] = other[numbers.randrange(len(other)) :]
    for _ in range(numbers.randint(1, 4)):
        if data:
            numbers.choice(MUTATIONS)(data, numbers)
    return bytes(data)


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that ended in a way worth a look."""

    number: int
    what: str


@dataclass(slots=True)
class Tally:
    """How the inputs ended."""

    outcomes: Counter[str]
    noteworthy: list[Finding]
    wrong: list[Finding]

    def count(self, number: int, future: Future[ProcessedImage]) -> None:
        """Add one input's end."""
        error = future.exception()
        if error is None:
            self._count_processed(number, future.result())
        elif isinstance(error, ImageRejected):
            self.outcomes[error.reason.value] += 1
            if error.reason in EXPLAINED:
                self.noteworthy.append(Finding(number, str(error)))
        else:
            self.wrong.append(Finding(number, repr(error)))

    def _count_processed(self, number: int, processed: ProcessedImage) -> None:
        self.outcomes["processed"] += 1
        for rendition in processed.renditions:
            with Image.open(BytesIO(rendition.data), formats=["JPEG"]) as image:
                if image.size != (rendition.width, rendition.height):
                    self.wrong.append(Finding(number, f"{rendition.kind} is {image.size}"))


def run(pool: WorkerPool, inputs: Iterator[tuple[int, bytes]], until: float, advance: Callable[[], None]) -> Tally:
    """Keep a bounded number of inputs with the pool, until there are no more or time is up."""
    tally = Tally(Counter(), [], [])
    waiting: dict[Future[ProcessedImage], int] = {}
    for number, data in inputs:
        waiting[pool.submit(data)] = number
        if len(waiting) >= IN_FLIGHT:
            _settle(waiting, tally, IN_FLIGHT // 2, advance)
        if time.monotonic() > until:
            break
    _settle(waiting, tally, 0, advance)
    return tally


def _settle(waiting: dict[Future[ProcessedImage], int], tally: Tally, leave: int, advance: Callable[[], None]) -> None:
    for future in as_completed(list(waiting)):
        tally.count(waiting.pop(future), future)
        advance()
        if len(waiting) <= leave:
            return


def report(tally: Tally, seed: int, seconds: float) -> Table:
    """How many inputs ended in which way."""
    total = sum(tally.outcomes.values())
    table = Table(title=f"{total} mutated photos, seed {seed}, {seconds:.0f} s")
    table.add_column("outcome")
    table.add_column("inputs", justify="right")
    for outcome, inputs in tally.outcomes.most_common():
        table.add_row(outcome, str(inputs))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fuzzer and print what became of its inputs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=1200.0, help="stop taking new inputs after this long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="this one input, and nothing else")
    chosen = parser.parse_args(arguments)
    photos = originals()
    wanted = range(chosen.inputs) if chosen.only is None else [chosen.only]
    inputs = ((number, mutated(photos, chosen.seed, number)) for number in wanted)
    pool = WorkerPool(workers=chosen.workers, limits=ImageLimits(), time_limits=TIME_LIMITS, memory_bytes=MEMORY_BYTES)
    start = time.monotonic()
    with pool, Progress(transient=True) as progress:
        task = progress.add_task("mutated photos", total=len(wanted))
        tally = run(pool, inputs, start + chosen.seconds, lambda: progress.advance(task))
    console = Console()
    console.print(report(tally, chosen.seed, time.monotonic() - start))
    for kind, findings in (("look at", tally.noteworthy), ("WRONG", tally.wrong)):
        for finding in findings:
            console.print(f"{kind} --seed {chosen.seed} --only {finding.number}: {finding.what}", markup=False)
    console.print(f"{sum(tally.outcomes.values())} outcomes, {len(tally.wrong)} inputs without one")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
