"""What requests bring to an upload, and why they are refused."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from photo_pipeline.api.tus.protocol import Checksum
from photo_pipeline.domain.errors import PhotoPipelineError


class OffsetConflictError(PhotoPipelineError):
    """The sender goes on at another place than where its upload is."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(f"the upload is at byte {offset}")


class TooManyBytesError(PhotoPipelineError):
    """More bytes than the upload was announced with; none of this request's are kept."""


class ChecksumMismatchError(PhotoPipelineError):
    """The bytes of this request are not those of its checksum; none of them are kept."""


class SenderGoneError(PhotoPipelineError):
    """Nobody is there any more to be told an upload's address; nothing of it is kept."""


class NoRoomError(PhotoPipelineError):
    """The customer has as many unfinished uploads as are allowed, and all of them are being written.

    Attributes:
        limit: how many are allowed.
        retry_seconds: when the first of them is ended, should nothing more come for it.
    """

    def __init__(self, limit: int, retry_seconds: int) -> None:
        self.limit = limit
        self.retry_seconds = retry_seconds
        super().__init__(f"{limit} uploads are being written")


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much of a customer's may wait, and how long.

    Attributes:
        open_uploads: unfinished ones of a customer.
        expire_after: from its beginning an upload is kept so long.
        idle_seconds: a request that brings nothing for so long is ended, and its upload free for the next one.
    """

    open_uploads: int
    expire_after: timedelta
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class Piece:
    """What one request adds.

    Attributes:
        offset: where it belongs.
        body: the bytes, as they come.
        checksum: of all of them, where the sender gave one.
    """

    offset: int
    body: AsyncIterator[bytes]
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Creation:
    """A request to begin an upload.

    Attributes:
        length: bytes of the whole file, at least one.
        metadata: key to value, as the sender gave them.
        is_sender_gone: whether nobody waits for the answer any more.
        first: the first bytes, where the request brings some.
        key: as the sender has named the request, to make it again where no answer comes.
    """

    length: int
    metadata: Mapping[str, bytes]
    is_sender_gone: Callable[[], Awaitable[bool]]
    first: Piece | None = None
    key: str | None = None


async def within(length: int, piece: Piece) -> AsyncGenerator[bytes]:
    """The piece's bytes, as long as they are not more than were announced."""
    room = length - piece.offset
    async for data in piece.body:
        room -= len(data)
        if room < 0:
            raise TooManyBytesError
        yield data
