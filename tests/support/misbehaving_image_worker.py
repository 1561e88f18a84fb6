"""An image worker that does to itself what its photo says; anything else it processes as the real one does.

Run as a script by the tests of the pool, in the place of ``image_worker_main``.
"""

import ctypes
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from photo_pipeline.adapters.image_workers.main import main
from photo_pipeline.domain.imaging import ImageLimits, ProcessedImage, process


def _hang(_: bytes) -> None:
    while True:
        pass


def _sleep(_: bytes) -> None:
    time.sleep(3600)


def _abort(_: bytes) -> None:
    os.abort()


def _read_address_zero(_: bytes) -> None:
    ctypes.string_at(0)


def _take_memory(_: bytes) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(8 * 1024 * 1024))


def _rust_out_of_memory(_: bytes) -> None:
    sys.stderr.write("memory allocation of 1073741824 bytes failed\n")
    sys.stderr.flush()
    os.abort()


def _chatter(_: bytes) -> None:
    """More than a pipe holds, on both streams that a library could print to."""
    for stream in (1, 2):
        os.write(stream, b"x" * 300_000)


def _leave(_: bytes) -> None:
    sys.exit(3)


def _bug(_: bytes) -> None:
    raise LookupError("a mistake of ours")


def _die_once(argument: bytes) -> None:
    """Be killed from outside on the first try only: the marker file remembers."""
    marker = Path(argument.decode())
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _die_always(_: bytes) -> None:
    """As code that was taken over by a photo could."""
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(argument: bytes) -> None:
    """Be stopped as by an operator; ``argument`` times, a moment after each time that somebody lets it go on."""
    for _ in range(int(argument)):
        os.kill(os.getpid(), signal.SIGSTOP)


def _lack_descriptors(_: bytes) -> None:
    """Fail as a call of the operating system does, and not as a decoder."""
    raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))


def _speak_gibberish(_: bytes) -> None:
    """Write into the pipe to the parent, as code that was taken over by a photo could."""
    for descriptor in range(3, 32):
        try:
            os.write(descriptor, b"HTTP/1.1 200 OK\r\n\r\n" * 10)
        except OSError:
            continue


BEHAVIOURS: Mapping[bytes, Callable[[bytes], None]] = {
    b"hang": _hang,
    b"sleep": _sleep,
    b"abort": _abort,
    b"segfault": _read_address_zero,
    b"hog": _take_memory,
    b"rust": _rust_out_of_memory,
    b"chatter": _chatter,
    b"leave": _leave,
    b"bug": _bug,
    b"die-once": _die_once,
    b"die-always": _die_always,
    b"stop": _stop,
    b"lack-descriptors": _lack_descriptors,
    b"gibberish": _speak_gibberish,
}


def misbehave(data: bytes, limits: ImageLimits) -> ProcessedImage:
    """A first line ``!name argument`` before the photo asks for something to happen before it is processed."""
    if data[:1] != b"!":
        return process(data, limits)
    order, _, photo = data[1:].partition(b"\n")
    name, _, argument = order.partition(b" ")
    BEHAVIOURS[name](argument)
    return process(photo, limits)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], work=misbehave))
