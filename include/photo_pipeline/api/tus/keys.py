"""Requests that their sender names by a key: made again, they hear what became of the first (``Idempotency-Key``).

As the draft has it, draft-ietf-httpapi-idempotency-key-header: 409 while the first is under way, 422 for other bytes.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

from starlette.datastructures import Headers

from photo_pipeline.api.schemas import ReceiptView
from photo_pipeline.api.tus.protocol import MalformedHeaderError
from photo_pipeline.api.tus.turns import once_free
from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.uploads import StoredUpload, UploadLockedError
from photo_pipeline.ports.uploads import LockedUpload

HEADER = "Idempotency-Key"
KEY_DESCRIPTION = (
    "A string of your own for this request, in quotes; a UUID is good. Made again with it within three days, the "
    "request is answered with the first receipt."
)
KEPT = timedelta(days=3)
"""So long a request that is made again hears the first one's receipt."""
_STRING = re.compile(r'"([ !#-\[\]-~]{1,128})"')
_TOKEN = re.compile(r"[!#-+\--:<-\[\]-~]{1,128}")


class KeyInUseError(PhotoPipelineError):
    """Another request with this key is under way."""

    reason = "idempotency_key_in_use"
    sentence = "Another request with this key is under way. Send it again in a moment."


class KeyReusedError(PhotoPipelineError):
    """The key was used for other bytes."""

    reason = "idempotency_key_reused"
    sentence = "This key was used for other bytes. Each photo needs a key of its own."


def key_of(headers: Headers) -> str:
    """The key that a request is named by. Said twice, a header is one with a comma, and no key.

    Raises:
        MalformedHeaderError: as of ``parse_key``.
    """
    return parse_key(", ".join(headers.getlist(HEADER)))


def parse_key(text: str) -> str:
    """What the header says: a string of structured fields (RFC 9651), or the same without its quotes.

    Raises:
        MalformedHeaderError: when it is neither, or longer than 128 characters.
    """
    found = _STRING.fullmatch(text)
    if found is None and not _TOKEN.fullmatch(text):
        raise MalformedHeaderError(f"{HEADER} is a string of 1 to 128 ASCII characters, in quotes.")
    return text if found is None else found[1]


async def in_turn(claim: Callable[[], Awaitable[LockedUpload]]) -> LockedUpload:
    """The upload of a key, once no other request has it.

    Raises:
        KeyInUseError: when that takes longer than a moment.
    """
    try:
        return await once_free(claim)
    except UploadLockedError:
        raise KeyInUseError from None


def compare(upload: StoredUpload, length: int, found_sha256: str | None) -> None:
    """See that a request is about the bytes that its key stands for, as far as it has told of them.

    Raises:
        KeyReusedError: when it is about others.
    """
    if upload.announced.length != length:
        raise KeyReusedError
    if upload.receipt is None or found_sha256 is None:
        return
    if ReceiptView.model_validate_json(upload.receipt).sha256 != found_sha256:
        raise KeyReusedError
