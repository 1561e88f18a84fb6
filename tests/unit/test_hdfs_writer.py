"""A writer on HDFS that was given up must not be closed by Python's finaliser, which would wait without a limit."""

import gc

from hdfs_native import FileWriter

from photo_pipeline.adapters.hdfs import HdfsWriter, _BoundedCalls


class Inner:
    """What the native client wraps; notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def write(self, data: bytes) -> int:
        """Take it all."""
        self.told.append("write")
        return len(data)

    def hsync(self) -> None:
        """Nothing to do."""
        self.told.append("hsync")

    def close(self) -> None:
        """A frozen server would wait here."""
        self.told.append("close")


def writer_on(inner: Inner) -> HdfsWriter:
    """The adapter's writer around the client's own, around this."""
    return HdfsWriter("/f", FileWriter(inner), _BoundedCalls(5.0, 1))  # type: ignore[arg-type] # stands in for Rust


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
