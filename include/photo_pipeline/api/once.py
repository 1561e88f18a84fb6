"""Photos of plain requests that their sender names by a key: each is accepted once, whoever takes the request."""

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

from anyio import CancelScope, CapacityLimiter, to_thread

from photo_pipeline.api.schemas import ReceiptView
from photo_pipeline.api.tus.keys import KEPT, compare, in_turn
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.photo import sha256_hex
from photo_pipeline.domain.uploads import Announced, StoredUpload, TooManyUploadsError, keyed_upload_id
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.uploads import LockedUpload, UploadStore
from photo_pipeline.web.acceptance import IncomingPhoto, LaterReason, PhotoAcceptance

logger = logging.getLogger(__name__)

THREADS = 8

Result = TypeVar("Result")


class OnceOnly:
    """Accepts a photo for its key, or tells the receipt that the key has.

    Args:
        store: keeps the receipts, for all instances.
        acceptance: takes photos.
        clock: where the time comes from.
        open_uploads: a customer may have so many under way.
    """

    def __init__(self, store: UploadStore, acceptance: PhotoAcceptance, clock: Clock, open_uploads: int) -> None:
        self._store = store
        self._acceptance = acceptance
        self._clock = clock
        self._open_uploads = open_uploads
        self._threads = CapacityLimiter(THREADS)

    async def accept(self, photo: IncomingPhoto, key: str) -> ReceiptView:
        """Take one photo in, or tell what became of it before.

        Raises:
            PhotoRefusedError: when it was not accepted; nothing is kept of the key then.
            KeyInUseError, KeyReusedError: as they say.
        """
        upload_id = keyed_upload_id(photo.customer_id, key)
        try:
            locked = await in_turn(partial(self._claim, photo, upload_id))
        except (ServerUnavailableError, TooManyUploadsError) as error:
            raise self._acceptance.refuse(LaterReason.BUSY, str(error)) from None
        try:
            if locked.upload.receipt is not None:
                return await self._again(locked.upload, photo)
            return await self._first(locked, photo)
        finally:
            with CancelScope(shield=True):
                await self._run(locked.close)

    async def _claim(self, photo: IncomingPhoto, upload_id: UUID) -> LockedUpload:
        now = self._clock.now()
        announced = Announced(photo.customer_id, upload_id, len(photo.data), {}, now, now + KEPT)
        return await self._run(partial(self._store.claim, announced, self._open_uploads))

    async def _again(self, upload: StoredUpload, photo: IncomingPhoto) -> ReceiptView:
        found = await self._run(partial(sha256_hex, photo.data))
        compare(upload, len(photo.data), found)
        return ReceiptView.model_validate_json(upload.receipt or "")

    async def _first(self, locked: LockedUpload, photo: IncomingPhoto) -> ReceiptView:
        receipt = ReceiptView.of(await self._acceptance.accept(photo), photo.filename)
        try:
            await self._run(partial(locked.complete, receipt.model_dump_json(), self._clock.now() + KEPT))
        except ServerUnavailableError as error:  # the photo is safe all the same
            logger.warning("a receipt could not be kept for its key: %s", error)
        return receipt

    async def _run(self, call: Callable[[], Result]) -> Result:
        return await to_thread.run_sync(call, limiter=self._threads)
