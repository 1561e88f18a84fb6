"""Opaque cursors: where the next page of a list begins.

``[list, moment, key]`` of the rejected; of photos ``[list, moment, key, name, uploaded at]``. A page that was opened
before photos had names in their order goes on with the three that it was given.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from enum import StrEnum

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.gallery import Place
from photo_pipeline.web.text import is_text

MAX_LENGTH = 2048
"""Characters of a cursor; a photo's name has at most 255, of up to four bytes each."""


class ListKind(StrEnum):
    """The lists that have pages. A cursor of one is none of another."""

    UPLOADED = "processed"
    TAKEN = "taken"
    REJECTED = "rejected"
    BINNED = "binned"


_PHOTO_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_KEYS = {
    ListKind.UPLOADED: _PHOTO_ID,
    ListKind.TAKEN: _PHOTO_ID,
    ListKind.BINNED: _PHOTO_ID,
    ListKind.REJECTED: re.compile(r"[a-zA-Z0-9._-]{1,249}(~[1-9]\d{0,3})?-\d{1,9}-\d{1,18}", re.ASCII),
}
"""What the key of each list looks like: a photo's id, or a record's coordinates."""


class CursorError(PhotoPipelineError):
    """Not a cursor that this API gave out."""


def encode(kind: ListKind, place: Place) -> str:
    """A cursor after the row of that place, in the list of that kind."""
    parts = [kind.value, place.moment.isoformat(), place.key]
    if place.name is not None and place.uploaded_at is not None:
        parts += [place.name, place.uploaded_at.isoformat()]
    content = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode(kind: ListKind, cursor: str) -> Place:
    """What ``encode`` was given.

    Raises:
        CursorError: when it was not, or for another kind of list.
    """
    try:
        content = json.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        found, moment, key, *of_photo = content
        place = Place(_moment(moment), key, *_name_and_upload(of_photo))
    except (ValueError, TypeError, OverflowError) as error:  # covers base64, UTF-8, JSON and the shape
        raise CursorError("not a cursor") from error
    named = place.name is not None and kind is ListKind.REJECTED
    if found != kind.value or named or not isinstance(key, str) or not _KEYS[kind].fullmatch(key):
        raise CursorError("not a cursor of this list")
    return place


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment.astimezone(UTC)


def _name_and_upload(parts: list[str]) -> tuple[str | None, datetime | None]:
    if not parts:
        return None, None
    name, uploaded_at = parts
    if not isinstance(name, str) or not is_text(name):
        raise ValueError("not a name")
    return name, _moment(uploaded_at)
