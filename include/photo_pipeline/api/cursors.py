"""Opaque cursors: where the next page of a list begins."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from enum import StrEnum

from photo_pipeline.domain.errors import PhotoPipelineError


class ListKind(StrEnum):
    """The lists that have pages. A cursor of one is none of another."""

    UPLOADED = "processed"
    TAKEN = "taken"
    REJECTED = "rejected"


_PHOTO_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_KEYS = {
    ListKind.UPLOADED: _PHOTO_ID,
    ListKind.TAKEN: _PHOTO_ID,
    ListKind.REJECTED: re.compile(r"[a-zA-Z0-9._-]{1,249}(~[1-9]\d{0,3})?-\d{1,9}-\d{1,18}", re.ASCII),
}
"""What the key of each list looks like: a photo's id, or a record's coordinates."""


class CursorError(PhotoPipelineError):
    """Not a cursor that this API gave out."""


def encode(kind: ListKind, moment: datetime, key: str) -> str:
    """A cursor after the row of that moment and key, in the list of that kind."""
    content = json.dumps([kind.value, moment.isoformat(), key], separators=(",", ":"))
    return urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode(kind: ListKind, cursor: str) -> tuple[datetime, str]:
    """What ``encode`` was given.

    Raises:
        CursorError: when it was not, or for another kind of list.
    """
    try:
        content = json.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        found, moment, key = content
        after = datetime.fromisoformat(moment)
        place = after.astimezone(UTC)
    except (ValueError, TypeError, OverflowError) as error:  # covers base64, UTF-8, JSON and the shape
        raise CursorError("not a cursor") from error
    if found != kind.value or after.tzinfo is None or not isinstance(key, str) or not _KEYS[kind].fullmatch(key):
        raise CursorError("not a cursor of this list")
    return place, key
