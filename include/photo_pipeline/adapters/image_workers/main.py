"""The child process that decodes photos: one after the other, until its standard input ends.

Started by ``image_workers`` as ``python -m photo_pipeline.adapters.image_workers.main SETTINGS``. It is disposable: it
holds no secret and no state, may allocate only so much memory, is the first that the kernel ends when memory runs out,
and dies with its parent.
"""

import ctypes
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from photo_pipeline.adapters.image_workers.frames import Frame, WorkerSettings, done, read_frame, write_frame
from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, ProcessedImage
from photo_pipeline.domain.imaging.decode import is_the_systems, prepare_decoders
from photo_pipeline.domain.imaging.pipeline import render
from photo_pipeline.domain.outcomes import RejectReason

Work = Callable[[bytes, ImageLimits], ProcessedImage]

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_FIRST_TO_GO = "1000"
"""The highest value of oom_score_adj (proc(5)). A process may raise its own without privilege."""
_MAX_OPEN_FILES = 64
_MARGIN_BYTES = 1024 * 1024
_MAP_NORESERVE = 0x4000
"""Only a kernel that promises no more than it has looks at the size then (mmap(2)); Python 3.11 has no name for it."""


def main(arguments: list[str], work: Work = render) -> int:
    """Serve until the parent closes the pipe; returns the exit status."""
    settings = WorkerSettings.from_argument(arguments[0])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is meant for the parent, which then ends this process
    if not _die_with(settings.parent_pid):
        return 0
    requests, replies = _take_over_standard_streams()
    prepare_decoders()
    _restrict(settings.memory_bytes)
    write_frame(replies, Frame({"ready": os.getpid(), "resident_bytes": _resident_bytes()}))
    with os.fdopen(requests, "rb") as stream:
        while (request := read_frame(stream)) is not None:
            write_frame(replies, _answer(request.blobs[0], settings.limits, work))
    return 0


def _answer(data: bytes, limits: ImageLimits, work: Work) -> Frame:
    try:
        return done(work(data, limits), _resident_bytes())
    except ImageRejected as rejected:
        if rejected.reason is RejectReason.DECODER_OUT_OF_MEMORY and not _limit_is_there():
            return Frame({"trouble": "this machine did not give the memory that a worker may take"})
        return Frame(
            {"rejected": rejected.reason.value, "detail": rejected.detail, "resident_bytes": _resident_bytes()}
        )
    except (OSError, ImportError) as error:
        if not is_the_systems(error):
            raise
        return Frame({"trouble": f"{type(error).__name__}: {error}"})


def _limit_is_there() -> bool:
    """Whether the kernel gives what is left of this process's own limit: only then was that what the photo lacked."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    left = limit - _statm_bytes(0) - _MARGIN_BYTES if sys.platform == "linux" else 0
    if left <= 0:
        return True
    try:
        mmap.mmap(-1, left, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE).close()
    except OSError:
        return False
    return True


def _die_with(parent_pid: int) -> bool:
    """Ask the kernel for SIGKILL when the parent ends (prctl(2)); False where it already has."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return os.getppid() == parent_pid


def _take_over_standard_streams() -> tuple[int, int]:
    """Keep the pipes to the parent for frames alone: what a library prints goes to standard error."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return requests, replies


def _restrict(memory_bytes: int) -> None:
    """Limit memory (above what is in use now), open files and core dumps."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, _statm_bytes(0) + memory_bytes)
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (allowed, allowed))


def _resident_bytes() -> int:
    return _statm_bytes(1) if sys.platform == "linux" else 0


def _statm_bytes(field: int) -> int:
    """Address space (0) or resident set (1) of this process, in bytes (proc(5))."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(pages[field]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
