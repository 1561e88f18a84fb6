"""A short form of the imaging fuzzer; ``python -m tests.faults.fuzz_imaging`` is the long one."""

import itertools
import time

from tests.faults.fuzz_imaging import MEMORY_BYTES, TIME_LIMITS, mutated, originals, run

from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.domain.imaging import ImageLimits

INPUTS = 1500
SEED = 20_260


def test_every_mutated_photo_ends_as_an_outcome() -> None:
    """Of so many files in every format, each is processed or has a reason, and none takes a worker with it."""
    photos = originals()
    inputs = ((number, mutated(photos, SEED, number)) for number in range(INPUTS))
    with WorkerPool(workers=2, limits=ImageLimits(), time_limits=TIME_LIMITS, memory_bytes=MEMORY_BYTES) as pool:
        tally = run(pool, inputs, time.monotonic() + 600, lambda: None)
    assert tally.wrong == []
    assert tally.noteworthy == []
    assert sum(tally.outcomes.values()) == INPUTS
    assert tally.outcomes["processed"] > INPUTS // 10


def test_a_finding_can_be_repeated() -> None:
    """An input is known by its seed and number."""
    photos = originals()
    again = originals()
    for number in itertools.islice(itertools.count(), 0, 300, 7):
        assert mutated(photos, SEED, number) == mutated(again, SEED, number)
    assert mutated(photos, SEED, 1) != mutated(photos, SEED + 1, 1)
