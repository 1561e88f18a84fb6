"""HDFS, over its RPC protocol: the bytes of the archive.

The native client knows no time limit for most of its calls, so a frozen server would freeze whoever asks it. Each call
therefore runs in a thread that nobody waits for longer than the limit. (The client's asyncio half cannot be used: it
panics wherever it wants to wait, between two tries for instance.)
"""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from io import RawIOBase
from itertools import islice

from hdfs_native import Client, FileReader, FileStatus, FileWriter, WriteOptions

from photo_pipeline.adapters.bounded_calls import BoundedCalls
from photo_pipeline.domain.errors import ArchiveMemberError, ServerUnavailableError
from photo_pipeline.domain.shard import ArchiveFile
from photo_pipeline.settings import HdfsSettings

WRITE_BYTES = 1024 * 1024
"""How much a writer collects before it sends; as much again may be under way, whatever it is given at once."""
LISTING_BATCH = 1000
RENAME_TRIES = 3
_MISSING = "there is no such file"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HdfsArchive:
    """The ``Archive`` port on HDFS.

    Threads may share one archive: every call stands for itself. A writer belongs to one thread at a time. Processes may
    not share it: make it after forking.

    Args:
        settings: the NameNode, the client's configuration, and the root folder.
        timeout_seconds: how long one call may take: a block of a write, a range of a read, one batch of a listing.
        calls_in_flight: how many calls there may be at a time, those that a frozen server keeps for itself included.

    Raises:
        ServerUnavailableError: when the address is not one that the client can use.
    """

    def __init__(self, settings: HdfsSettings, timeout_seconds: float = 30.0, calls_in_flight: int = 64) -> None:
        self._calls = BoundedCalls(timeout_seconds, calls_in_flight, "hdfs-call")
        try:
            self._client = Client(settings.namenode, dict(settings.client_config))
        except (RuntimeError, OSError, ValueError) as error:
            raise ServerUnavailableError("HDFS", f"{settings.namenode}: {_first_line(error)}") from error

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it; nothing happens where it is."""
        with _errors(path):
            self._calls.run(lambda: self._client.mkdirs(path, create_parent=True))

    def create(self, path: str) -> "HdfsWriter":
        """See the port. Whoever was still writing an older file of that name can no longer complete it."""
        options = WriteOptions(overwrite=True, create_parent=True)
        with _errors(path):
            return HdfsWriter(path, self._calls.run(lambda: self._client.create(path, options)), self._calls)

    def rename(self, source: str, target: str) -> None:
        """See the port. A file that is at the target already is never replaced.

        Raises:
            ArchiveMemberError: when there is no such file, or already one at the target.
            ServerUnavailableError: when HDFS does not answer.
        """
        for _ in range(RENAME_TRIES):
            if self._try_rename(source, target):
                return
        raise ServerUnavailableError("HDFS", f"{target}: somebody keeps removing its folder")

    def read(self, path: str, offset: int, length: int) -> bytes:
        """See the port."""
        with _errors(path, _MISSING):
            return self._calls.run(lambda: _range(path, self._client.read(path), offset, length))

    def open(self, path: str) -> "HdfsReader":
        """See the port."""
        with _errors(path, _MISSING):
            return HdfsReader(path, self._calls.run(lambda: self._client.read(path)), self._calls)

    def delete(self, path: str) -> bool:
        """See the port."""
        with _errors(path):
            return self._calls.run(lambda: self._client.delete(path))

    def length(self, path: str) -> int | None:
        """See the port."""
        found = self._status(path)
        return None if found is None or found.isdir else found.length

    def written_at(self, path: str) -> datetime | None:
        """See the port. The NameNode's time of a file's completion; of a folder, of its last change."""
        found = self._status(path)
        return None if found is None else EPOCH + timedelta(milliseconds=found.modification_time)

    def list(self, folder: str) -> Iterator[ArchiveFile]:
        """See the port. Folders that come or go meanwhile are no error."""
        for status in self._children(folder):
            if status.isdir:
                yield from self.list(status.path)
            else:
                yield ArchiveFile(status.path, status.length)

    def empty_folders(self, folder: str) -> Iterator[str]:
        """Folders right below this one that hold nothing."""
        for status in self._children(folder):
            if status.isdir and next(self._children(status.path), None) is None:
                yield status.path

    def remove_folder(self, path: str) -> bool:
        """Remove a folder if it is empty; ``False`` where it is not, or does not exist."""
        with _errors(path):
            try:
                return self._calls.run(lambda: self._client.delete(path, recursive=False))
            except RuntimeError as error:
                if "PathIsNotEmptyDirectoryException" in str(error):
                    return False
                raise

    def _try_rename(self, source: str, target: str) -> bool:
        """``False`` where the sweep has removed the new folder, which was still empty, in between."""
        self.make_folder(target.rpartition("/")[0])
        with _errors(target):
            try:
                self._calls.run(lambda: self._client.rename(source, target))
            except FileNotFoundError:
                if self.length(source) is None:
                    raise ArchiveMemberError(source, "there is no such file to rename") from None
                return False
        return True

    def _status(self, path: str) -> FileStatus | None:
        with _errors(path):
            try:
                return self._calls.run(lambda: self._client.get_file_info(path))
            except FileNotFoundError:
                return None

    def _children(self, folder: str) -> Iterator[FileStatus]:
        statuses: Iterator[FileStatus] | None = None

        def next_batch() -> list[FileStatus]:
            nonlocal statuses
            statuses = statuses or self._client.list_status(folder)
            return list(islice(statuses, LISTING_BATCH))

        while True:
            with _errors(folder):
                try:
                    batch = self._calls.run(next_batch)
                except FileNotFoundError:
                    return
            yield from batch
            if len(batch) < LISTING_BATCH:
                return


class HdfsReader:
    """The ``OpenedFile`` port on HDFS: where its blocks lie is asked once. It belongs to one thread at a time."""

    def __init__(self, path: str, reader: FileReader, calls: BoundedCalls) -> None:
        self._path = path
        self._reader = reader
        self._calls = calls

    def read(self, offset: int, length: int) -> bytes:
        """See the port."""
        with _errors(self._path, _MISSING):
            return self._calls.run(lambda: _range(self._path, self._reader, offset, length))


class HdfsWriter:
    """The ``ArchiveWriter`` port on HDFS: collects up to a block and sends it while the next one is being collected.

    It waits while the pipeline is full. What became of a block is told with the next one, or by ``close``.
    """

    def __init__(self, path: str, writer: FileWriter, calls: BoundedCalls) -> None:
        # Marked as closed for Python alone: else its finaliser would close the file and wait for a frozen server,
        # without limit, in whichever thread drops or collects a writer that was given up.
        RawIOBase.close(writer)
        self._path = path
        self._writer = writer
        self._calls = calls
        self._pieces: list[memoryview] = []
        self._collected = 0
        self._under_way: Future[int] | None = None
        self._is_empty = True

    def write(self, data: bytes) -> None:
        """See the port. The bytes are not copied before they are sent."""
        rest = memoryview(data)
        while rest:
            piece = rest[: WRITE_BYTES - self._collected]
            rest = rest[len(piece) :]
            self._pieces.append(piece)
            self._collected += len(piece)
            if self._collected == WRITE_BYTES:
                self._send()

    def close(self) -> None:
        """See the port. The DataNodes have the last block on disk, not only in memory, before the file is complete.

        Raises:
            ArchiveMemberError: when the file was removed or replaced while it was being written.
            ServerUnavailableError: when HDFS does not answer.
        """
        if self._collected:
            self._send()
        with self._errors():
            self._settle()
            if not self._is_empty:
                self._calls.run(self._writer.hsync)
            self._calls.run(self._writer.close)

    def _send(self) -> None:
        block = b"".join(self._pieces)
        self._pieces, self._collected, self._is_empty = [], 0, False
        with self._errors():
            self._settle()
            self._under_way = self._calls.start(lambda: self._writer.write(block))

    def _settle(self) -> None:
        """Wait for the block before: one at a time, in their order."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            self._calls.wait(under_way)

    def _errors(self) -> AbstractContextManager[None]:
        return _errors(self._path, "was removed or replaced while it was being written")


def _range(path: str, reader: FileReader, offset: int, length: int) -> bytes:
    """The client panics when it is asked for more than there is."""
    if offset + length > len(reader):
        raise ArchiveMemberError(path, f"has {len(reader)} bytes, not the {offset + length} that it should")
    return reader.read_range(offset, length)


@contextmanager
def _errors(path: str, missing: str | None = None) -> Iterator[None]:
    """The client's errors as the domain's. Where ``missing`` is not given, the caller knows what a missing file means.

    The client reports what a server refused, and that no DataNode could give a block (all are away, or every copy is
    damaged), as ``RuntimeError`` with a Java stack trace: its first line says it.
    """
    try:
        yield
    except (FileNotFoundError, FileExistsError) as error:
        if missing is None and isinstance(error, FileNotFoundError):
            raise
        detail = "already exists" if isinstance(error, FileExistsError) else missing
        raise ArchiveMemberError(path, detail or _first_line(error)) from error
    except TimeoutError as error:
        raise ServerUnavailableError("HDFS", f"{path}: no answer in time") from error
    except (OSError, RuntimeError) as error:
        raise ServerUnavailableError("HDFS", f"{path}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(error).replace("\\n", "\n").partition("\n")[0][:300]
