"""A writer on HDFS: one block after the other, none waited for longer than the limit, and no finaliser that waits."""

import gc
import threading

import pytest
from hdfs_native import FileWriter

from photo_pipeline.adapters.bounded_calls import BoundedCalls
from photo_pipeline.adapters.hdfs import WRITE_BYTES, HdfsWriter
from photo_pipeline.domain.errors import ArchiveMemberError, ServerUnavailableError


class Inner:
    """What the native client wraps; notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.taken: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take it all."""
        self.told.append("write")
        self.taken.append(data)
        return len(data)

    def hsync(self) -> None:
        """Nothing to do."""
        self.told.append("hsync")

    def close(self) -> None:
        """A frozen server would wait here."""
        self.told.append("close")


class Frozen(Inner):
    """A DataNode that stands still."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def write(self, data: bytes) -> int:
        """Wait to be let go on."""
        self.go_on.wait(30)
        return super().write(data)


class Fenced(Inner):
    """A file that somebody else has begun anew."""

    def write(self, data: bytes) -> int:
        """Refuse it, as the client does."""
        super().write(data)
        raise FileNotFoundError


def writer_on(inner: Inner, seconds: float = 5.0) -> HdfsWriter:
    """The adapter's writer around the client's own, around this."""
    calls = BoundedCalls(seconds, 2, "call")
    return HdfsWriter("/f", FileWriter(inner), calls)  # type: ignore[arg-type] # stands in for Rust


def test_blocks_arrive_whole_and_in_order() -> None:
    """However the pieces fall, the file is what was written."""
    inner = Inner()
    writer = writer_on(inner)
    pieces = [bytes([number]) * size for number, size in enumerate((1, WRITE_BYTES, 3 * WRITE_BYTES + 5, 512, 7))]
    for piece in pieces:
        writer.write(piece)
    writer.close()
    assert b"".join(inner.taken) == b"".join(pieces)
    assert {len(block) for block in inner.taken[:-1]} == {WRITE_BYTES}


def test_a_frozen_block_is_not_waited_for_longer_than_the_limit() -> None:
    """It is written while the next one is collected; whoever wants to send that one is told."""
    inner = Frozen()
    writer = writer_on(inner, seconds=0.2)
    writer.write(bytes(WRITE_BYTES))
    with pytest.raises(ServerUnavailableError, match="no answer in time"):
        writer.write(bytes(WRITE_BYTES))
    inner.go_on.set()


def test_what_became_of_the_last_block_is_told_when_the_file_is_closed() -> None:
    """A file of which a block is missing is never made complete."""
    inner = Fenced()
    writer = writer_on(inner)
    writer.write(b"x")
    with pytest.raises(ArchiveMemberError, match="removed or replaced"):
        writer.close()
    assert inner.told == ["write"]


def test_a_writer_that_was_given_up_is_not_closed() -> None:
    """Dropped without a close, as after an error: nobody is asked, so nobody can keep the thread waiting."""
    inner = Inner()
    writer_on(inner).write(b"x")
    gc.collect()
    assert inner.told == []


def test_a_writer_that_is_closed_is_closed_once() -> None:
    """What was collected is sent, made durable, and the file completed."""
    inner = Inner()
    writer = writer_on(inner)
    writer.write(b"x")
    writer.close()
    del writer
    gc.collect()
    assert inner.told == ["write", "hsync", "close"]
