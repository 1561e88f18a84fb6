"""The pool of disposable decoders, with real processes that hang, crash and eat memory."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path

import psutil
import pytest
from tests.support.images import encoded, exif_block, oddities, one_of_each, poison, scene

from photo_pipeline.adapters.image_workers import pool as worker_pool
from photo_pipeline.adapters.image_workers import worker_time
from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.adapters.image_workers.worker_time import TimeLimits
from photo_pipeline.domain.errors import MachineBusyError, ServerUnavailableError
from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, ProcessedImage, process
from photo_pipeline.domain.outcomes import RejectReason

MIB = 1024 * 1024
LIMITS = ImageLimits()
MISBEHAVING = (sys.executable, "-P", str(Path(__file__).parents[1] / "support" / "misbehaving_image_worker.py"))
PHOTO = encoded(scene(640, 480), "jpeg", exif=exif_block(orientation=6, make="Canon", model="EOS"))


def _pool(
    workers: int = 1, seconds: float = 30.0, command: tuple[str, ...] | None = MISBEHAVING, wait: float = 300.0
) -> WorkerPool:
    times = TimeLimits(own_seconds=seconds, machine_seconds=wait)
    return WorkerPool(workers=workers, limits=LIMITS, time_limits=times, memory_bytes=512 * MIB, command=command)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """Give one worker that can be told to misbehave."""
    with _pool() as running:
        yield running


def _rejected(pool: WorkerPool, data: bytes) -> ImageRejected:
    with pytest.raises(ImageRejected) as rejected:
        pool.submit(data).result(timeout=120)
    return rejected.value


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if any("worker" in part for part in child.cmdline())]


def _eventually(condition: Callable[[], bool]) -> bool:
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_worker_gives_what_the_function_gives() -> None:
    """The product's own worker returns the same renditions and metadata as a call in this process, for every format."""
    photos = [PHOTO, *one_of_each(200, 150).values()]
    with _pool(workers=2, command=None) as pool:
        futures = [pool.submit(photo) for photo in photos]
        assert [future.result(timeout=120) for future in futures] == [process(photo, LIMITS) for photo in photos]


def test_what_is_wrong_with_a_photo_comes_back_as_its_reason() -> None:
    """A rejection crosses the process boundary with reason and detail, and the worker goes on."""
    with _pool(command=None) as pool:
        assert _rejected(pool, b"").reason is RejectReason.EMPTY
        assert _rejected(pool, b"text").reason is RejectReason.NOT_AN_IMAGE
        cut = _rejected(pool, PHOTO[: len(PHOTO) // 2])
        assert (cut.reason, "last pixel" in cut.detail) == (RejectReason.TRUNCATED, True)
        assert pool.submit(PHOTO).result(timeout=120).metadata.camera == "Canon EOS"


@pytest.mark.parametrize("behaviour", [b"!hang\n", b"!sleep\n"])
def test_a_decoder_that_hangs_is_killed_and_replaced(behaviour: bytes) -> None:
    """Whether it burns time or waits: the photo is rejected within the limit, and the next one is processed."""
    with _pool(seconds=2.0) as pool:
        pool.submit(PHOTO).result(timeout=120)
        (hung,) = _children()
        assert _rejected(pool, behaviour + PHOTO).reason is RejectReason.DECODER_TIMEOUT
        assert not hung.is_running()
        assert pool.submit(PHOTO).result(timeout=120).metadata.width == 480


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (b"!abort\n", "SIGABRT"),
        (b"!segfault\n", "SIGSEGV"),
        (b"!leave\n", "exit status 3"),
        (b"!bug\n", "a mistake of ours"),
        (b"!gibberish\n", "not a frame"),
    ],
)
def test_a_decoder_that_ends_is_an_outcome_of_its_photo_alone(pool: WorkerPool, behaviour: bytes, said: str) -> None:
    """Whatever ended it is said; the photo after it is processed by a fresh worker."""
    crashed = _rejected(pool, behaviour + PHOTO)
    assert crashed.reason is RejectReason.DECODER_CRASHED
    assert said in crashed.detail
    assert pool.submit(PHOTO).result(timeout=120).metadata.width == 480


@pytest.mark.parametrize("behaviour", [b"!hog\n", b"!rust\n"])
def test_a_decoder_that_swallows_memory_is_stopped(pool: WorkerPool, behaviour: bytes) -> None:
    """The limit holds in the child, however its library says that there is no more; the parent does not grow."""
    before = psutil.Process().memory_info().rss
    assert _rejected(pool, behaviour + PHOTO).reason is RejectReason.DECODER_OUT_OF_MEMORY
    assert psutil.Process().memory_info().rss - before < 64 * MIB
    assert pool.submit(PHOTO).result(timeout=120).metadata.width == 480


def test_a_photo_is_not_blamed_for_a_kill_from_outside(pool: WorkerPool, tmp_path: Path) -> None:
    """The kernel may have ended the worker for someone else's hunger: the photo is tried once more."""
    order = b"!die-once " + str(tmp_path / "died").encode() + b"\n"
    assert pool.submit(order + PHOTO).result(timeout=120).metadata.width == 480
    assert (tmp_path / "died").exists()


def test_a_worker_does_not_answer_for_what_its_parent_had(tmp_path: Path) -> None:
    """Linux counts a large parent's memory as its child's: no photo is called too large for that."""
    large = bytearray(640 * MIB)
    large[:: 2**12] = b"x" * len(large[:: 2**12])
    del large
    order = b"!die-once " + str(tmp_path / "died").encode() + b"\n"
    with _pool() as pool:
        assert pool.submit(order + PHOTO).result(timeout=120).metadata.width == 480


def test_a_worker_that_is_killed_while_idle_is_replaced(pool: WorkerPool) -> None:
    """Nothing is lost and nobody notices."""
    pool.submit(PHOTO).result(timeout=120)
    (idle,) = _children()
    idle.kill()
    assert pool.submit(PHOTO).result(timeout=120).metadata.width == 480


def test_neighbours_are_processed(pool: WorkerPool) -> None:
    """In a slice full of poison, every photo between comes out, in whatever order the workers are free."""
    orders = [b"!abort\n", b"!hog\n", b"!bug\n", b"!leave\n"]
    with _pool(workers=2) as both:
        good: list[Future[ProcessedImage]] = []
        bad: list[Future[ProcessedImage]] = []
        for order in orders:
            bad.append(both.submit(order + PHOTO))
            good.extend(both.submit(PHOTO) for _ in range(3))
        assert {future.result(timeout=240).metadata.width for future in good} == {480}
        assert all(isinstance(future.exception(timeout=240), ImageRejected) for future in bad)
    assert pool.submit(PHOTO).result(timeout=120).metadata.width == 480


def test_what_a_library_prints_stops_nothing(pool: WorkerPool) -> None:
    """Neither a full pipe of warnings nor text on standard output disturbs the conversation."""
    assert pool.submit(b"!chatter\n" + PHOTO).result(timeout=120).metadata.width == 480
    assert pool.submit(b"!chatter\n" + PHOTO).result(timeout=120).metadata.width == 480


def test_a_large_photo_passes_through(pool: WorkerPool) -> None:
    """Megabytes more than a pipe holds, in both directions."""
    padded = encoded(scene(1600, 1600, grain=40), "jpeg", quality=98) + bytes(32 * MIB)
    processed = pool.submit(padded).result(timeout=120)
    assert len(processed.web.data) > 64 * 1024


def test_workers_hold_no_secret_and_little_right() -> None:
    """Passwords in the parent's environment do not reach the process that runs strangers' bytes."""
    os.environ["PHOTO_TEST_PASSWORD"] = "hunter2"
    try:
        with _pool(command=None) as pool:
            pool.submit(PHOTO).result(timeout=120)
            (worker,) = _children()
            assert not any("PASSWORD" in name for name in worker.environ())
            assert "hunter2" not in str(worker.environ())
            assert worker.rlimit(psutil.RLIMIT_AS)[1] < 1024 * MIB
            assert worker.rlimit(psutil.RLIMIT_CORE) == (0, 0)
            assert Path(f"/proc/{worker.pid}/oom_score_adj").read_text(encoding="ascii").strip() == "1000"
    finally:
        del os.environ["PHOTO_TEST_PASSWORD"]


def test_a_worker_that_grew_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that leaks costs a fresh process now and then, not the machine's memory."""
    monkeypatch.setattr(worker_pool, "_RECYCLE_AFTER", 3)
    monkeypatch.setattr(worker_pool, "_RECYCLE_GROWTH_BYTES", -1)
    with _pool(command=None) as pool:
        seen: set[int] = set()
        for _ in range(7):
            pool.submit(PHOTO).result(timeout=120)
            seen.update(child.pid for child in _children())
        assert len(seen) >= 2


def test_closing_leaves_no_process_and_no_thread() -> None:
    """Also where a photo is being decoded and others wait: the first is given up, the others are cancelled."""
    with _pool() as pool:
        pool.submit(PHOTO).result(timeout=120)
        hung = pool.submit(b"!hang\n" + PHOTO)
        waiting = pool.submit(PHOTO)
        assert _eventually(hung.running)
        workers = _children()
    assert isinstance(hung.exception(timeout=10), ServerUnavailableError)
    with pytest.raises(CancelledError):
        waiting.result(timeout=10)
    assert workers
    assert not any(worker.is_running() for worker in workers)
    assert not any(thread.name == "image-worker" for thread in threading.enumerate())
    pool.close()


def test_a_closed_pool_takes_nothing() -> None:
    """Before it is opened and after it is closed, a pool says so instead of letting a photo wait for ever."""
    pool = _pool()
    with pytest.raises(ServerUnavailableError, match="not open"):
        pool.submit(PHOTO)
    with pool:
        pass
    with pytest.raises(ServerUnavailableError, match="not open"):
        pool.submit(PHOTO)


@pytest.mark.parametrize("command", [("/does/not/exist",), (sys.executable, "-c", "raise SystemExit('no Pillow')")])
def test_a_worker_that_cannot_start_is_not_the_photos_fault(command: tuple[str, ...]) -> None:
    """The photo is not rejected: the slice fails, is retried, and the log names the cause."""
    with _pool(command=command) as pool, pytest.raises(MachineBusyError, match=r"No such file|no Pillow"):
        pool.submit(PHOTO).result(timeout=120)


PARENT = """
import sys, time
from pathlib import Path
from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.adapters.image_workers.worker_time import TimeLimits
from photo_pipeline.domain.imaging import ImageLimits
pool = WorkerPool(
    workers=2, limits=ImageLimits(), time_limits=TimeLimits(600, 600), memory_bytes=1 << 29, command=sys.argv[2:]
).__enter__()
pool.submit(Path(sys.argv[1]).read_bytes()).result()
pool.submit(b"!hang\\n")
time.sleep(0.5)
print("ready", flush=True)
time.sleep(600)
"""


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Neither the idle one nor the one that hangs and would never look at its input again."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(PHOTO)
    parent = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", PARENT, str(photo), *MISBEHAVING],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        workers = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGKILL)
    assert len(workers) == 2
    assert _eventually(lambda: not any(worker.is_running() for worker in workers))


class _Process:
    """A process whose fate the test decides."""

    def __init__(self) -> None:
        self.cpu, self.asleep = 0.0, False

    def cpu_seconds(self) -> float:
        return self.cpu

    def sleeps(self) -> bool:
        return self.asleep

    def wake(self) -> None:
        pass


@pytest.mark.parametrize(
    ("ran", "asleep", "ends_in"),
    [(0.5, False, "timed out"), (0.0, True, "timed out"), (0.01, False, "held up"), (0.4, True, "timed out")],
)
def test_a_photo_answers_for_its_own_time_alone(ran: float, asleep: bool, ends_in: str) -> None:  # noqa: FBT001 - a row
    """CPU time and sleep are the decoder's; what it would have run but could not is the machine's."""
    process, now = _Process(), [100.0]
    spent = worker_time.WorkerTime(process, TimeLimits(own_seconds=5, machine_seconds=20), lambda: now[0])
    process.asleep = asleep

    def go_on() -> None:
        for _ in range(1000):
            now[0] += 0.5
            process.cpu += ran
            spent.count(progress=False)

    with pytest.raises((worker_time.WorkerTimedOutError, worker_time.WorkerHeldUpError)) as ended:
        go_on()
    assert isinstance(ended.value, worker_time.WorkerTimedOutError) == (ends_in == "timed out")


def test_time_in_which_the_parent_was_stopped_does_not_count() -> None:
    """A machine that was suspended must not have rejected the photo that it was working on, nor a slow pipe."""
    process, now = _Process(), [100.0]
    process.asleep = True
    spent = worker_time.WorkerTime(process, TimeLimits(own_seconds=2, machine_seconds=2), lambda: now[0])
    now[0] += 3600
    spent.count(progress=False)
    for _ in range(100):
        now[0] += 0.5
        spent.count(progress=True)


def test_a_worker_that_is_stopped_goes_on(pool: WorkerPool) -> None:
    """An operator's SIGSTOP costs a moment, and no photo."""
    assert pool.submit(b"!stop 2\n" + PHOTO).result(timeout=120).metadata.width == 480


def test_a_decoder_that_always_kills_itself_is_an_outcome(pool: WorkerPool) -> None:
    """From outside it looks like an operator's kill, but workers without this photo live on."""
    crashed = _rejected(pool, b"!die-always\n" + PHOTO)
    assert crashed.reason is RejectReason.DECODER_CRASHED
    assert "only with this photo" in crashed.detail
    assert pool.submit(PHOTO).result(timeout=120).metadata.width == 480


def test_a_photo_is_not_blamed_while_workers_are_killed_one_after_the_other(pool: WorkerPool) -> None:
    """Whoever kills every worker says nothing about the photo: the slice is tried again later."""
    ended = pool.submit(b"!hang\n" + PHOTO)
    while not ended.done():
        for worker in _children():
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        time.sleep(0.05)
    assert isinstance(ended.exception(), MachineBusyError)


def test_a_photo_is_not_blamed_where_memory_ran_out(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed again and again, and the kernel says that it did so for want of memory: it had not used up its own."""
    counts = itertools.count()
    monkeypatch.setattr(worker_pool, "kernel_kills", lambda: next(counts))
    with pytest.raises(MachineBusyError, match="memory ran out"):
        pool.submit(b"!die-always\n" + PHOTO).result(timeout=120)


def test_a_photo_is_not_blamed_for_what_the_system_lacks(pool: WorkerPool) -> None:
    """An error of the operating system within the decoder's process is no verdict on the bytes."""
    with pytest.raises(MachineBusyError, match="Too many open files"):
        pool.submit(b"!lack-descriptors\n" + PHOTO).result(timeout=120)
    assert pool.submit(PHOTO).result(timeout=120).metadata.width == 480


Starve = Callable[[psutil.Process, int, int], None]


@pytest.fixture
def starving() -> Iterator[Starve]:
    """Give a way to let a process share one core, at this niceness, with so many busy loops of better nice."""
    loops: list[subprocess.Popen[bytes]] = []

    def starve(worker: psutil.Process, niceness: int, count: int) -> None:
        core = min(worker.cpu_affinity() or [0])
        worker.cpu_affinity([core])
        worker.nice(niceness)
        for _ in range(count):
            loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            psutil.Process(loop.pid).cpu_affinity([core])
            loops.append(loop)

    yield starve
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.fixture(scope="module")
def large_heic() -> bytes:
    """Give a photo of 24 megapixels, half a second of a decoder's time."""
    picture = scene(1500, 1000, grain=20).resize((6000, 4000))
    return encoded(picture, "heif", quality=60)


def test_a_starved_worker_has_all_the_time_that_it_needs(starving: Starve) -> None:
    """A photo that takes less CPU time than it may is processed, though many times as long passes."""
    photo = encoded(scene(900, 600, grain=20), "heif", quality=60)
    with _pool(seconds=2.0, command=None) as pool:
        pool.submit(encoded(scene(64, 64), "heif")).result(timeout=120)
        # A busy host counts several times the CPU time for the same work: the photo needs a small part of what it may.
        starving(_children()[0], 11, 3)
        assert pool.submit(photo).result(timeout=500).metadata.width == 900


def test_a_worker_that_gets_nothing_blames_the_machine(starving: Starve, large_heic: bytes) -> None:
    """Where the machine has no time at all, the slice is tried again later and the photo is not rejected."""
    with _pool(seconds=1.0, wait=3.0, command=None) as pool:
        pool.submit(encoded(scene(64, 64), "heif")).result(timeout=120)
        starving(_children()[0], 10, 12)
        with pytest.raises(MachineBusyError, match="waited"):
            pool.submit(large_heic).result(timeout=120)


def test_the_whole_poison_corpus_ends_as_outcomes() -> None:
    """Every poisonous file gets its reason, every odd one its renditions, and every photo between them comes out."""
    with _pool(workers=2, command=None) as pool:
        bad = {case.name: (case, pool.submit(case.data)) for case in poison()}
        odd = {case.name: pool.submit(case.data) for case in oddities()}
        good = [pool.submit(PHOTO) for _ in range(10)]
        for case, future in bad.values():
            error = future.exception(timeout=120)
            assert isinstance(error, ImageRejected), case.name
            assert error.reason.value in case.reasons, case.name
        assert {name: future.result(timeout=120).web.width for name, future in odd.items()} == dict.fromkeys(odd, 96)
        assert {future.result(timeout=120).web.width for future in good} == {480}
