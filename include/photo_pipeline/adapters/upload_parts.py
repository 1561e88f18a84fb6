"""One upload in the shared directory while a request has it: its bytes, its receipt, and what is written to keep them.

What is told to be kept must survive a power failure: files are flushed before they are renamed, and their folder after.
"""

import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self, TypeVar
from uuid import UUID

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.uploads import Announced, StoredUpload, UploadLockedError

BEGUN = ".begun"
"""Of a part whose sender was not told its address yet. Without a process that holds its lock it is nobody's."""
PART = ".part"

_ATTEMPTS = 3
"""A customer's folder may be swept away, being empty, while an upload is put into it."""

_COPY_BYTES = 1024 * 1024

Result = TypeVar("Result")


class LockedReceipt:
    """See ``LockedUpload``: a finished upload, to which nothing can be added any more."""

    def __init__(self, upload: StoredUpload, path: Path) -> None:
        self._upload = upload
        self._path = path

    @property
    def upload(self) -> StoredUpload:
        """See the port."""
        return self._upload

    def truncate(self, size: int) -> None:
        """Refuse: a finished upload has no bytes."""
        raise AssertionError(size)

    def append(self, data: bytes) -> None:
        """Refuse, as ``truncate``."""
        raise AssertionError(len(data))

    def apart(self) -> "PartApart":
        """Refuse, as ``truncate``."""
        raise AssertionError

    def sync(self) -> None:
        """Nothing to do."""

    def read(self) -> bytes:
        """Refuse, as ``truncate``."""
        raise AssertionError

    def keep(self) -> None:
        """Nothing to do."""

    def complete(self, receipt: str, expires_at: datetime) -> None:
        """Refuse, as ``truncate``."""
        raise AssertionError(receipt, expires_at)

    def discard(self) -> None:
        """See the port: the receipt is forgotten, the photo stays accepted."""
        with storage():
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to do."""


class LockedPart:
    """See ``LockedUpload``: an unfinished upload.

    Args:
        announced: what its sender said.
        part: the file, open and locked.
        path: its name; with ``BEGUN`` as long as the upload is not kept.
        done: where its receipt goes.
    """

    def __init__(self, announced: Announced, part: int, path: Path, done: Path) -> None:
        self._announced = announced
        self._receipt: str | None = None
        self._file: int | None = part
        self._path = path
        self._done = done

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def upload(self) -> StoredUpload:
        """See the port."""
        if self._receipt is not None:
            return StoredUpload(self._announced, self._announced.length, self._receipt)
        return StoredUpload(self._announced, os.fstat(self._part).st_size)

    def truncate(self, size: int) -> None:
        """See the port."""
        with storage():
            os.ftruncate(self._part, size)

    def append(self, data: bytes) -> None:
        """See the port."""
        with storage():
            os.lseek(self._part, 0, os.SEEK_END)
            left = memoryview(data)
            while left:
                left = left[os.write(self._part, left) :]

    def apart(self) -> "PartApart":
        """See the port."""
        with storage():
            return PartApart(self, self._path.parent)

    def sync(self) -> None:
        """See the port."""
        with storage():
            os.fsync(self._part)

    def read(self) -> bytes:
        """See the port."""
        with storage(), os.fdopen(os.dup(self._part), "rb") as file:
            file.seek(0)
            return file.read()

    def keep(self) -> None:
        """See the port. What was announced comes first: without it a part is nobody's."""
        if self._path.suffix != BEGUN:
            return
        kept = self._path.with_suffix(PART)
        with storage(), ExitStack() as undo:
            undo.callback(kept.unlink, missing_ok=True)
            write_new(self._path.with_suffix(".json"), self._announced, None)
            self._path.rename(kept)
            sync_folder(kept.parent)
            undo.pop_all()
        self._path = kept

    def complete(self, receipt: str, expires_at: datetime) -> None:
        """See the port. Found with both the receipt and the part, an upload is finished."""
        self._announced = replace(self._announced, expires_at=expires_at)
        with storage():
            while_swept_away(partial(self._write_receipt, receipt))
            self._receipt = receipt
            self.discard()

    def discard(self) -> None:
        """See the port."""
        with storage():
            self._path.with_suffix(".json").unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """See the port."""
        if self._file is None:
            return
        with suppress(OSError):  # what cannot be removed now is nobody's, and swept
            if self._path.suffix == BEGUN and os.fstat(self._file).st_nlink > 0:  # else what has its name is another's
                remove(self._path)
        os.close(self._file)
        self._file = None

    def _write_receipt(self, receipt: str) -> None:
        make_folder(self._done.parent)
        write_new(self._done, self._announced, receipt)
        sync_folder(self._done.parent)

    @property
    def _part(self) -> int:
        assert self._file is not None, "closed"  # noqa: S101 - a mistake of the caller's
        return self._file


class PartApart:
    """See ``BytesApart``: a file without a name beside the part, gone with its process."""

    def __init__(self, part: LockedPart, folder: Path) -> None:
        self._part = part
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()

    def append(self, data: bytes) -> None:
        """See the port."""
        with storage():
            self._file.write(data)

    def join(self) -> None:
        """See the port."""
        with storage():
            self._file.seek(0)
            while data := self._file.read(_COPY_BYTES):
                self._part.append(data)
        self._part.sync()

    def close(self) -> None:
        """See the port."""
        with suppress(OSError):  # what could not be written does not matter any more
            self._file.close()


@contextmanager
def storage() -> Iterator[None]:
    """Tell a failing disk apart from everything else: it is a server that is away."""
    try:
        yield
    except OSError as error:
        raise ServerUnavailableError("Storage", f"{error.strerror or error}") from error


def while_swept_away(call: Callable[[], Result]) -> Result:
    """Put something into a customer's folder, again when the folder was swept away meanwhile, being empty."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(FileNotFoundError):
            return call()
    return call()


def make_folder(folder: Path) -> None:
    """Make a customer's folder, for good."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync_folder(folder.parent)


def take(path: Path) -> int | None:
    """A part, open and locked; ``None`` where there is none (any more).

    Raises:
        UploadLockedError: when somebody else has it.
    """
    try:
        part = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(part)
        raise UploadLockedError from None
    if os.fstat(part).st_nlink == 0:  # whoever had it before has removed it
        os.close(part)
        return None
    return part


def begin(path: Path) -> int:
    """A part that nobody else can take, without a byte.

    Raises:
        FileNotFoundError: when it was swept away between its making and its locking.
    """
    part = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    fcntl.flock(part, fcntl.LOCK_EX)  # only a sweep can have it, for a moment
    if os.fstat(part).st_nlink == 0:
        os.close(part)
        raise FileNotFoundError(path)
    return part


def remove(path: Path) -> None:
    """Remove an unfinished upload. Beside one that was kept, what only began under its id has announced nothing."""
    if path.suffix == PART or not path.with_suffix(PART).exists():
        path.with_suffix(".json").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def write_new(path: Path, announced: Announced, receipt: str | None) -> None:
    """All of it or nothing. It is for good once the folder is flushed."""
    document = {
        "customer_id": str(announced.customer_id),
        "upload_id": str(announced.upload_id),
        "length": announced.length,
        "metadata": {key: b64encode(value).decode() for key, value in announced.metadata.items()},
        "created_at": announced.created_at.isoformat(),
        "expires_at": announced.expires_at.isoformat(),
        "receipt": receipt,
    }
    new = path.with_suffix(".new")
    try:
        with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive the machine."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_announced(path: Path) -> tuple[Announced, str | None]:
    """What ``write_new`` wrote."""
    document = json.loads(path.read_bytes())
    announced = Announced(
        customer_id=UUID(document["customer_id"]),
        upload_id=UUID(document["upload_id"]),
        length=document["length"],
        metadata={key: b64decode(value) for key, value in document["metadata"].items()},
        created_at=datetime.fromisoformat(document["created_at"]),
        expires_at=datetime.fromisoformat(document["expires_at"]),
    )
    return announced, document["receipt"]
