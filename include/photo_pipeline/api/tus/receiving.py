"""Takes uploads in piece by piece, and hands each whole photo to the same acceptance as any other upload."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from hashlib import sha256
from math import ceil
from typing import TypeVar
from uuid import UUID

from anyio import CancelScope, CapacityLimiter, to_thread

from photo_pipeline.api.schemas import ReceiptView
from photo_pipeline.api.tus.keys import KEPT, compare, in_turn
from photo_pipeline.api.tus.protocol import Checksum
from photo_pipeline.api.tus.requests import (
    ChecksumMismatchError,
    Creation,
    NoRoomError,
    OffsetConflictError,
    Piece,
    SenderGoneError,
    TooManyBytesError,
    UploadLimits,
    within,
)
from photo_pipeline.api.tus.turns import once_free
from photo_pipeline.domain.events import clean_filename
from photo_pipeline.domain.imaging import SNIFF_BYTES, sniff
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.uploads import (
    Announced,
    NoSuchUploadError,
    StoredUpload,
    TooManyUploadsError,
    is_keyed,
    keyed_upload_id,
)
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.uploads import LockedUpload, UploadStore
from photo_pipeline.web.acceptance import IncomingPhoto, LaterReason, PhotoAcceptance, PhotoRefusedError
from photo_pipeline.web.bodies import BodyStalledError
from photo_pipeline.web.flow import BusyError, InFlightBytes

ORIGIN = "/api/v1/uploads"
"""``ce_source`` of photos that came this way."""
COPIES = 2
"""While a photo waits for Kafka it is in memory twice: here, and in the producer's queue."""
WRITE_BYTES = SNIFF_BYTES
"""Bytes are gathered up to this much before a thread writes them: what a slow sender costs in memory."""
THREADS = 8

Result = TypeVar("Result")


class ResumableUploads:
    """The uploads of all customers.

    Args:
        store: keeps the parts.
        acceptance: takes whole photos.
        budget: bounds the bytes in memory.
        clock: where the time comes from.
        new_id: makes the uploads' ids; they are in addresses, so they must not be guessable.
        limits: what a customer may have waiting.
    """

    def __init__(
        self,
        *,
        store: UploadStore,
        acceptance: PhotoAcceptance,
        budget: InFlightBytes,
        clock: Clock,
        new_id: Callable[[], UUID],
        limits: UploadLimits,
    ) -> None:
        self._store = store
        self._acceptance = acceptance
        self._budget = budget
        self._clock = clock
        self._new_id = new_id
        self._limits = limits
        self._threads = CapacityLimiter(THREADS)

    async def create(self, customer_id: UUID, creation: Creation) -> StoredUpload:
        """Begin an upload. What is raised here leaves nothing behind, as its sender does not know its address.

        A sender that falls silent in the middle of its first piece is told where to go on. With a key that was used
        before, what was begun then is what is returned; from its beginning, where bytes come again.

        Raises:
            NoRoomError, SenderGoneError, KeyInUseError, KeyReusedError: as they say.
            TooManyBytesError, ChecksumMismatchError, PhotoRefusedError: as of ``append``.
        """
        locked = await self._begin(customer_id, creation)
        try:
            if locked.upload.receipt is not None:
                await self._hear_again(locked.upload, creation)
                return locked.upload
            if creation.first is not None:
                with suppress(BodyStalledError):
                    await self._receive(locked, creation.first)
                await self._finish_if_whole(locked)
            if locked.upload.receipt is None:
                await self._keep_if_heard(locked, creation)
            return locked.upload
        finally:
            with CancelScope(shield=True):
                await self._run(locked.close)

    async def find(self, customer_id: UUID, upload_id: UUID) -> StoredUpload:
        """How far an upload has come.

        Raises:
            NoSuchUploadError: when this customer has no such upload, or its time has passed.
        """
        return self._unexpired(await self._run(partial(self._store.find, customer_id, upload_id)))

    async def settled(self, customer_id: UUID, upload_id: UUID) -> StoredUpload:
        """The same, once no request adds to it any more: what a broken connection had brought may still be on its way.

        Raises:
            NoSuchUploadError: as above.
            UploadLockedError: when that takes longer than a moment.
        """
        return await once_free(partial(self._look, customer_id, upload_id))

    async def append(self, customer_id: UUID, upload_id: UUID, piece: Piece) -> StoredUpload:
        """Add a piece; with the last byte the photo is handed on, and the receipt is in what is returned.

        Raises:
            NoSuchUploadError, UploadLockedError, OffsetConflictError, TooManyBytesError, ChecksumMismatchError: as
                they say.
            BodyStalledError: when nothing came for so long that the connection is taken for dead; what had come is
                kept.
            PhotoRefusedError: when the photo was not accepted. After a ``LaterReason`` the upload is as it was but for
                its last byte; after any other it is forgotten.
        """
        async with self._locked(customer_id, upload_id) as locked:
            upload = self._unexpired(locked.upload)
            if piece.offset != upload.offset:
                raise OffsetConflictError(upload.offset)
            if upload.receipt is not None:
                await self._nothing_more(piece)
                return upload
            await self._run(partial(locked.truncate, piece.offset))
            await self._receive(locked, piece)
            await self._finish_if_whole(locked)
            return locked.upload

    async def discard(self, customer_id: UUID, upload_id: UUID) -> None:
        """Forget an upload, its receipt included; a photo that was accepted stays so.

        Raises:
            NoSuchUploadError, UploadLockedError: as they say.
        """
        async with self._locked(customer_id, upload_id) as locked:
            await self._run(locked.discard)

    async def forget(self, customer_id: UUID) -> None:
        """Remove all of a customer's uploads but those that are being written at this moment.

        Raises:
            ServerUnavailableError: when the storage fails.
        """
        await self._run(lambda: self._store.forget(customer_id))

    async def sweep(self) -> int:
        """Remove what has expired, or was begun by a process that is gone; returns how many uploads."""
        now = self._clock.now()
        return await self._run(partial(self._store.sweep, now, now - 2 * self._limits.expire_after))

    async def _begin(self, customer_id: UUID, creation: Creation) -> LockedUpload:
        try:
            if creation.key is None:
                self._acceptance.check_quota(customer_id, creation.length)
                announced = self._announced(customer_id, self._new_id(), creation)
                return await self._run(partial(self._store.begin, announced, self._limits.open_uploads))
            announced = self._announced(customer_id, keyed_upload_id(customer_id, creation.key), creation)
            claim = partial(self._store.claim, announced, self._limits.open_uploads)
            return await self._from_its_beginning(await in_turn(lambda: self._run(claim)), creation)
        except TooManyUploadsError as error:
            patience = self._limits.idle_seconds - error.silent_seconds
            raise NoRoomError(error.limit, max(1, ceil(patience))) from None

    def _announced(self, customer_id: UUID, upload_id: UUID, creation: Creation) -> Announced:
        now = self._clock.now()
        expires_at = now + self._limits.expire_after
        return Announced(customer_id, upload_id, creation.length, creation.metadata, now, expires_at)

    async def _from_its_beginning(self, locked: LockedUpload, creation: Creation) -> LockedUpload:
        try:
            compare(locked.upload, creation.length, None)
            if locked.upload.receipt is None:
                self._acceptance.check_quota(locked.upload.announced.customer_id, creation.length)
                if creation.first is not None:
                    await self._run(partial(locked.truncate, 0))
        except BaseException:
            locked.close()
            raise
        return locked

    async def _hear_again(self, upload: StoredUpload, creation: Creation) -> None:
        """Read what was sent again, of which nothing is kept: it must be what was sent before."""
        promised = creation.metadata.get("sha256")
        found = None if promised is None else promised.decode(errors="replace").lower()
        if creation.first is not None:
            digest, size = sha256(), 0
            async for data in within(creation.length, creation.first):
                digest.update(data)
                size += len(data)
            found = digest.hexdigest() if size == creation.length else found
        compare(upload, creation.length, found)

    async def _keep_if_heard(self, locked: LockedUpload, creation: Creation) -> None:
        if await creation.is_sender_gone():
            raise SenderGoneError
        await self._run(locked.keep)

    async def _look(self, customer_id: UUID, upload_id: UUID) -> StoredUpload:
        async with self._locked(customer_id, upload_id) as locked:
            return self._unexpired(locked.upload)

    def _unexpired(self, upload: StoredUpload) -> StoredUpload:
        if upload.announced.expires_at <= self._clock.now():
            raise NoSuchUploadError
        return upload

    async def _nothing_more(self, piece: Piece) -> None:
        async for data in piece.body:
            if data:
                raise TooManyBytesError

    async def _receive(self, locked: LockedUpload, piece: Piece) -> None:
        """Store what comes, also when the connection breaks: then the sender goes on where it was cut.

        With a checksum, bytes are kept apart until all of them are known to be right.
        """
        if piece.checksum is None:
            await self._store_as_it_comes(locked, piece)
        else:
            await self._store_if_right(locked, piece, piece.checksum)

    async def _store_as_it_comes(self, locked: LockedUpload, piece: Piece) -> None:
        gathered = bytearray()
        try:
            async for data in within(locked.upload.announced.length, piece):
                gathered += data
                if len(gathered) >= WRITE_BYTES:
                    await self._refuse_early(locked, piece, gathered)
                    await self._run(partial(locked.append, bytes(gathered)))
                    gathered.clear()
        except TooManyBytesError:
            gathered.clear()
            await self._run(partial(locked.truncate, piece.offset))
            raise
        finally:
            with CancelScope(shield=True):
                await self._run(partial(_keep, locked, bytes(gathered)))

    async def _refuse_early(self, locked: LockedUpload, piece: Piece, first: bytearray) -> None:
        """Tell who sends something else than a photo after its first bytes, not after its last."""
        if piece.offset == 0 and locked.upload.stored == 0 and sniff(bytes(first)) is None:
            first.clear()
            await self._run(locked.discard)
            raise self._acceptance.refuse(RejectReason.NOT_AN_IMAGE, "the first bytes are of no supported format")

    async def _store_if_right(self, locked: LockedUpload, piece: Piece, checksum: Checksum) -> None:
        digest = checksum.begin()
        apart = await self._run(locked.apart)
        try:
            async for data in within(locked.upload.announced.length, piece):
                digest.update(data)
                await self._run(partial(apart.append, data))
            if not checksum.fits(digest):
                raise ChecksumMismatchError
            await self._run(apart.join)
        finally:
            apart.close()

    async def _finish_if_whole(self, locked: LockedUpload) -> None:
        """With the last byte comes the receipt; it is kept as long as an upload is, or as its sender's key is."""
        announced = locked.upload.announced
        if locked.upload.stored == announced.length:
            is_named = is_keyed(announced.upload_id)
            await self._finish(locked, self._clock.now() + KEPT if is_named else announced.expires_at)

    async def _finish(self, locked: LockedUpload, expires_at: datetime) -> None:
        upload = locked.upload
        filename = clean_filename(upload.announced.metadata.get("filename", b"").decode(errors="replace"))
        try:
            async with self._budget.reserve(COPIES * upload.announced.length):
                data = await self._run(locked.read)
                await self._check(data, upload.announced.metadata.get("sha256"))
                photo = IncomingPhoto(upload.announced.customer_id, ORIGIN, filename, data)
                signed = await self._acceptance.accept(photo)
        except BusyError as error:
            raise self._acceptance.refuse(LaterReason.BUSY, str(error)) from None
        except PhotoRefusedError as error:
            if isinstance(error.reason, RejectReason):
                await self._run(locked.discard)
            raise
        receipt = ReceiptView.of(signed, filename).model_dump_json()
        await self._run(partial(locked.complete, receipt, expires_at))

    async def _check(self, data: bytes, promised: bytes | None) -> None:
        """Compare with the ``sha256`` of the upload's metadata, where the sender gave it: disks err, too."""
        if promised is None:
            return
        found = await self._run(lambda: sha256(data).hexdigest())
        if found != promised.decode(errors="replace").lower():
            raise self._acceptance.refuse(RejectReason.SHA256_MISMATCH, "the metadata's sha256 is another")

    @asynccontextmanager
    async def _locked(self, customer_id: UUID, upload_id: UUID) -> AsyncGenerator[LockedUpload]:
        locked = await self._run(partial(self._store.lock, customer_id, upload_id))
        try:
            yield locked
        finally:
            locked.close()

    async def _run(self, call: Callable[[], Result]) -> Result:
        return await to_thread.run_sync(call, limiter=self._threads)


def _keep(locked: LockedUpload, rest: bytes) -> None:
    if rest:
        locked.append(rest)
    locked.sync()
