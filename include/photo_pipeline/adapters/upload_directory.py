"""Parts of uploads in a directory that all instances share: a local one, or a volume that many may write (NFS, EFS).

Below the directory, with ids in place of names::

    open/<customer>/<upload>.begun   the first bytes of an upload whose address its sender does not know yet
    open/<customer>/<upload>.json    what was announced
    open/<customer>/<upload>.part    the bytes so far; its size is the offset, its flock the upload's lock
    done/<customer>/<upload>.json    the same with the receipt; the part is gone

Whoever holds an upload's lock alone writes or removes it. Linux carries flock over NFS 4, so it also holds between
machines, and ends with the process that held it. Opening a file there shows what others have closed before, hence sizes
are taken from open files.
"""

import os
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from uuid import UUID, uuid4

from photo_pipeline.adapters.upload_parts import (
    BEGUN,
    PART,
    LockedPart,
    LockedReceipt,
    begin,
    make_folder,
    read_announced,
    remove,
    storage,
    take,
    while_swept_away,
)
from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.uploads import (
    Announced,
    NoSuchUploadError,
    StoredUpload,
    TooManyUploadsError,
    UploadLockedError,
)

_ATTEMPTS = 5
"""So often a claim looks again at what another request has just begun, kept or finished."""


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

    def begin(self, announced: Announced, limit: int) -> LockedPart:
        """See the port. Creations at the very same time may pass the limit together by their number."""
        folder = self._open / str(announced.customer_id)
        with storage():
            self._make_room(folder, announced.created_at, limit)
            return while_swept_away(partial(self._begin, folder, announced))

    def claim(self, announced: Announced, limit: int) -> LockedPart | LockedReceipt:
        """See the port. Only one of many makes the file in which an upload begins, on any machine."""
        for _ in range(_ATTEMPTS):
            locked = self._lock_unexpired(announced) or self._begin_alone(announced, limit)
            if locked is not None:
                return locked
        raise UploadLockedError

    def find(self, customer_id: UUID, upload_id: UUID) -> StoredUpload:
        """See the port."""
        with storage():
            done = self._finished(customer_id, upload_id)
            if done is not None:
                return done
            try:
                announced, _ = read_announced(self._path(self._open, customer_id, upload_id, ".json"))
                with self._path(self._open, customer_id, upload_id, PART).open("rb") as part:
                    return StoredUpload(announced, os.fstat(part.fileno()).st_size)
            except FileNotFoundError:
                # It may have been finished between the two looks.
                done = self._finished(customer_id, upload_id)
        if done is None:
            raise NoSuchUploadError
        return done

    def lock(self, customer_id: UUID, upload_id: UUID) -> LockedPart | LockedReceipt:
        """See the port. A finished upload does not change, so it needs no lock."""
        path = self._path(self._open, customer_id, upload_id, PART)
        done = self._path(self._done, customer_id, upload_id, ".json")
        with storage(), ExitStack() as undo:
            part = take(path)
            if part is not None:
                undo.callback(os.close, part)
            found = self.find(customer_id, upload_id)
            if found.receipt is not None:
                return LockedReceipt(found, done)
            if part is None:
                raise NoSuchUploadError
            undo.pop_all()
            return LockedPart(found.announced, part, path, done)

    def forget(self, customer_id: UUID) -> None:
        """See the port."""
        with storage():
            for path in _unfinished(self._open / str(customer_id)):
                _end(path)
            for path in (self._done / str(customer_id)).glob("*.json"):
                path.unlink(missing_ok=True)

    def sweep(self, now: datetime, orphans_before: datetime) -> int:
        """See the port."""
        with storage():
            removed = sum(_end(path) for path in self._open.glob(f"*/*{BEGUN}"))
            for path in [*self._open.glob("*/*.json"), *self._done.glob("*/*.json")]:
                removed += _remove_expired(path, now)
            for path in [*self._open.glob("*/*"), *self._done.glob("*/*.new")]:
                _remove_orphan(path, orphans_before)
            for folder in [*self._open.iterdir(), *self._done.iterdir()]:
                with suppress(OSError):  # not empty, or gone already
                    folder.rmdir()
        return removed

    def _begin(self, folder: Path, announced: Announced) -> LockedPart:
        make_folder(folder)
        path = folder / f"{announced.upload_id}{BEGUN}"
        done = self._path(self._done, announced.customer_id, announced.upload_id, ".json")
        return LockedPart(announced, begin(path), path, done)

    def _lock_unexpired(self, announced: Announced) -> LockedPart | LockedReceipt | None:
        """What there is of it. What has expired unfinished is nobody's any more, swept or not."""
        try:
            locked = self.lock(announced.customer_id, announced.upload_id)
        except NoSuchUploadError:
            return None
        if locked.upload.receipt is not None or locked.upload.announced.expires_at > announced.created_at:
            return locked
        try:
            locked.discard()
        finally:
            locked.close()
        return None

    def _begin_alone(self, announced: Announced, limit: int) -> LockedPart | None:
        """A begun upload; ``None`` where another request was there before, and may be done."""
        folder = self._open / str(announced.customer_id)
        begun = folder / f"{announced.upload_id}{BEGUN}"
        with storage():
            self._make_room(folder, announced.created_at, limit)
            try:
                locked = while_swept_away(partial(self._begin, folder, announced))
            except FileExistsError:
                if not _end(begun):
                    raise UploadLockedError from None
                return None
            is_done = self._finished(announced.customer_id, announced.upload_id) is not None
            if is_done or begun.with_suffix(PART).exists():
                locked.close()
                return None
        return locked

    def _make_room(self, folder: Path, now: datetime, limit: int) -> None:
        """End the stalest uploads that nobody is writing, first those that are nobody's, until one more is allowed."""
        if len(_unfinished(folder)) < limit:
            return
        for path in folder.glob("*.json"):
            _remove_expired(path, now)
        written = _unfinished(folder)
        surplus = len(written) - limit + 1
        for path in sorted(written, key=lambda path: (path.suffix != BEGUN, written[path])):
            if surplus <= 0:
                return
            surplus -= _end(path)
        if surplus > 0:
            raise TooManyUploadsError(limit, _clock_of(folder) - min(written.values()))

    def _finished(self, customer_id: UUID, upload_id: UUID) -> StoredUpload | None:
        try:
            announced, receipt = read_announced(self._path(self._done, customer_id, upload_id, ".json"))
        except FileNotFoundError:
            return None
        return StoredUpload(announced, announced.length, receipt)

    @staticmethod
    def _path(kind: Path, customer_id: UUID, upload_id: UUID, suffix: str) -> Path:
        return kind / str(customer_id) / f"{upload_id}{suffix}"


def _unfinished(folder: Path) -> dict[Path, float]:
    """A customer's unfinished uploads, and when the last byte of each came, by the file system's clock."""
    found = {}
    for path in [*folder.glob(f"*{PART}"), *folder.glob(f"*{BEGUN}")]:
        with suppress(FileNotFoundError):
            found[path] = path.stat().st_mtime
    return found


def _clock_of(folder: Path) -> float:
    """What time the file system says it is; on a shared volume that need not be this machine's."""
    with TemporaryFile(dir=folder) as probe:
        return os.fstat(probe.fileno()).st_mtime


def _end(path: Path) -> bool:
    """Remove an unfinished upload unless somebody is writing it; returns whether it is gone."""
    try:
        part = take(path)
    except UploadLockedError:
        return False
    remove(path)
    if part is not None:
        os.close(part)
    return True


def _remove_expired(path: Path, now: datetime) -> bool:
    with suppress(FileNotFoundError):
        announced, _ = read_announced(path)
        return announced.expires_at <= now and _end(path.with_suffix(PART))
    return False


def _remove_orphan(path: Path, before: datetime) -> None:
    with suppress(FileNotFoundError):
        if path.suffix == BEGUN or (path.with_suffix(".json").exists() and path.suffix != ".new"):
            return
        if path.stat().st_mtime < before.timestamp():
            path.unlink()
