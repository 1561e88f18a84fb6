"""Parts of uploads in a directory that all instances share: a local one, or a volume that many may write (NFS, EFS).

Below the directory, with ids in place of names::

    open/<customer>/<upload>.json    what was announced
    open/<customer>/<upload>.part    the bytes so far; its size is the offset, its flock the upload's lock
    done/<customer>/<upload>.json    the same with the receipt; the part is gone

Whoever holds an upload's lock alone writes or removes it. Linux carries flock over NFS 4, so it also holds between
machines. Opening a file there shows what others have closed before, hence sizes are taken from open files.
"""

import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self
from uuid import UUID, uuid4

from photo_pipeline.domain.errors import PhotoPipelineError, ServerUnavailableError
from photo_pipeline.domain.uploads import (
    Announced,
    NoSuchUploadError,
    StoredUpload,
    TooManyUploadsError,
    UploadLockedError,
)

_ATTEMPTS = 3
"""A customer's folder may be swept away, being empty, while an upload is put into it."""

_COPY_BYTES = 1024 * 1024


class UploadDirectoryError(PhotoPipelineError):
    """The directory cannot be used."""

    def __init__(self, root: Path, why: str) -> None:
        super().__init__(f"PHOTO_UPLOAD_DIR={root}: {why}")


class UploadDirectory:
    """See ``UploadStore``.

    Args:
        root: made when it is missing; readable by this user alone.

    Raises:
        UploadDirectoryError: when it cannot be made, is another user's, or cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self._open = root / "open"
        self._done = root / "done"
        try:
            for folder in (root, self._open, self._done):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = root / f".{uuid4()}"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            raise UploadDirectoryError(root, str(error.strerror or error)) from error

    def create(self, announced: Announced, limit: int) -> None:
        """See the port. Creations at the very same time may pass the limit together by their number."""
        folder = self._open / str(announced.customer_id)
        with _storage():
            if len(list(folder.glob("*.part"))) >= limit:
                raise TooManyUploadsError(limit)
            for attempt in range(_ATTEMPTS):
                try:
                    self._create(folder, announced)
                except FileNotFoundError:
                    if attempt == _ATTEMPTS - 1:
                        raise
                else:
                    return

    def find(self, customer_id: UUID, upload_id: UUID) -> StoredUpload:
        """See the port."""
        with _storage():
            done = self._finished(customer_id, upload_id)
            if done is not None:
                return done
            try:
                announced, _ = _read(self._path(self._open, customer_id, upload_id, "json"))
                with self._path(self._open, customer_id, upload_id, "part").open("rb") as part:
                    return StoredUpload(announced, os.fstat(part.fileno()).st_size)
            except FileNotFoundError:
                # It may have been finished between the two looks.
                done = self._finished(customer_id, upload_id)
        if done is None:
            raise NoSuchUploadError
        return done

    def lock(self, customer_id: UUID, upload_id: UUID) -> "LockedPart | LockedReceipt":
        """See the port. A finished upload does not change, so it needs no lock."""
        path = self._path(self._open, customer_id, upload_id, "part")
        done = self._path(self._done, customer_id, upload_id, "json")
        with _storage(), ExitStack() as undo:
            part = self._take(path)
            if part is not None:
                undo.callback(os.close, part)
            found = self.find(customer_id, upload_id)
            if found.receipt is not None:
                return LockedReceipt(found, done)
            if part is None:
                raise NoSuchUploadError
            undo.pop_all()
            return LockedPart(found, part, path, done)

    def sweep(self, now: datetime, orphans_before: datetime) -> int:
        """See the port."""
        removed = 0
        with _storage():
            for path in [*self._open.glob("*/*.json"), *self._done.glob("*/*.json")]:
                removed += self._remove_expired(path, now)
            for path in [*self._open.glob("*/*"), *self._done.glob("*/*.new")]:
                self._remove_orphan(path, orphans_before)
            for folder in [*self._open.iterdir(), *self._done.iterdir()]:
                with suppress(OSError):  # not empty, or gone already
                    folder.rmdir()
        return removed

    def _create(self, folder: Path, announced: Announced) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        part = folder / f"{announced.upload_id}.part"
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _write(part.with_suffix(".json"), announced, None)

    def _finished(self, customer_id: UUID, upload_id: UUID) -> StoredUpload | None:
        try:
            announced, receipt = _read(self._path(self._done, customer_id, upload_id, "json"))
        except FileNotFoundError:
            return None
        return StoredUpload(announced, announced.length, receipt)

    def _take(self, path: Path) -> int | None:
        """The part, open and locked; ``None`` where there is none (any more)."""
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

    def _remove_expired(self, path: Path, now: datetime) -> int:
        with suppress(FileNotFoundError, UploadLockedError):
            announced, _ = _read(path)
            if announced.expires_at <= now:
                part = self._take(path.with_suffix(".part"))
                path.unlink()
                path.with_suffix(".part").unlink(missing_ok=True)
                if part is not None:
                    os.close(part)
                return 1
        return 0

    def _remove_orphan(self, path: Path, before: datetime) -> None:
        with suppress(FileNotFoundError):
            if path.with_suffix(".json").exists() and path.suffix != ".new":
                return
            if path.stat().st_mtime < before.timestamp():
                path.unlink()

    @staticmethod
    def _path(kind: Path, customer_id: UUID, upload_id: UUID, suffix: str) -> Path:
        return kind / str(customer_id) / f"{upload_id}.{suffix}"


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

    def complete(self, receipt: str) -> None:
        """Refuse, as ``truncate``."""
        raise AssertionError(receipt)

    def discard(self) -> None:
        """See the port: the receipt is forgotten, the photo stays accepted."""
        with _storage():
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to do."""


class LockedPart:
    """See ``LockedUpload``: an unfinished upload."""

    def __init__(self, found: StoredUpload, part: int, path: Path, done: Path) -> None:
        self._announced = found.announced
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
        with _storage():
            os.ftruncate(self._part, size)

    def append(self, data: bytes) -> None:
        """See the port."""
        with _storage():
            os.lseek(self._part, 0, os.SEEK_END)
            left = memoryview(data)
            while left:
                left = left[os.write(self._part, left) :]

    def apart(self) -> "PartApart":
        """See the port."""
        with _storage():
            return PartApart(self, self._path.parent)

    def sync(self) -> None:
        """See the port."""
        with _storage():
            os.fsync(self._part)

    def read(self) -> bytes:
        """See the port."""
        with _storage(), os.fdopen(os.dup(self._part), "rb") as file:
            file.seek(0)
            return file.read()

    def complete(self, receipt: str) -> None:
        """See the port. Found with both the receipt and the part, an upload is finished."""
        with _storage():
            for attempt in range(_ATTEMPTS):
                try:
                    self._done.parent.mkdir(mode=0o700, exist_ok=True)
                    _write(self._done, self._announced, receipt)
                    break
                except FileNotFoundError:
                    if attempt == _ATTEMPTS - 1:
                        raise
            self._receipt = receipt
            self.discard()

    def discard(self) -> None:
        """See the port."""
        with _storage():
            self._path.with_suffix(".json").unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """See the port."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

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
        with _storage():
            self._file.write(data)

    def join(self) -> None:
        """See the port."""
        with _storage():
            self._file.seek(0)
            while data := self._file.read(_COPY_BYTES):
                self._part.append(data)
        self._part.sync()

    def close(self) -> None:
        """See the port."""
        with suppress(OSError):  # what could not be written does not matter any more
            self._file.close()


@contextmanager
def _storage() -> Iterator[None]:
    """Tell a failing disk apart from everything else: it is a server that is away."""
    try:
        yield
    except OSError as error:
        raise ServerUnavailableError("Storage", f"{error.strerror or error}") from error


def _write(path: Path, announced: Announced, receipt: str | None) -> None:
    """All of it or nothing, and for good."""
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
    with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> tuple[Announced, str | None]:
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
