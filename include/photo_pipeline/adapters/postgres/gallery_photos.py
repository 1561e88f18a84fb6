"""The gallery's photos and renditions as SQL, and rows as what customers see.

Written out: to put such a statement together of its parts, and to find it again among those that SQLAlchemy has
compiled, takes longer than the rest of the question.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from photo_pipeline.adapters.postgres.holds import CUSTOMER
from photo_pipeline.domain.gallery import (
    Absence,
    GalleryPhoto,
    GalleryRendition,
    Page,
    PhotoOrder,
    PhotoStatus,
    StoredRendition,
)
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.domain.photo import RenditionKind, Source

AnyRow = Sequence[Any]


def _is_held(by: str) -> str:
    """Not an EXISTS: of those the planner may make one list of all holds there are."""
    return f"""(SELECT h.hold_id FROM hold h WHERE h.customer_id = p.customer_id AND h.lifted_at IS NULL
                              AND {by} LIMIT 1) IS NOT NULL"""


# Two questions, each of one entry in the index: asked as one, all of a customer's holds are read for every photo.
_HELD = f"({_is_held('h.photo_id IS NULL')} OR {_is_held('h.photo_id = p.photo_id')})"
_HELD_BY_CUSTOMER = _is_held(f"h.photo_id = p.photo_id AND h.origin = '{CUSTOMER}'")

# To the letter as the indexes have it, or the indexes do not serve.
SHOWN = "p.customer_id = %(customer)s AND (p.binned_at IS NULL) AND p.status = 'processed'"
"""Processed photos alone, those that are shown together."""
LISTED_AT = {
    PhotoOrder.UPLOADED: "p.uploaded_at",
    PhotoOrder.TAKEN: "coalesce(p.taken_at, p.uploaded_at AT TIME ZONE 'UTC')",
}
_NAME = """coalesce(p.filename, '') COLLATE "C\""""
"""By its characters, as the page compares names, too."""
PLACES = {
    PhotoOrder.UPLOADED: (LISTED_AT[PhotoOrder.UPLOADED], _NAME, "p.photo_id"),
    PhotoOrder.TAKEN: (LISTED_AT[PhotoOrder.TAKEN], _NAME, "p.uploaded_at", "p.photo_id"),
}
"""What a list goes by, newest first."""
AFTER = {
    PhotoOrder.UPLOADED: f"AND ({', '.join(PLACES[PhotoOrder.UPLOADED])}) < (%(moment)s, %(name)s, %(key)s)",
    PhotoOrder.TAKEN: f"AND ({', '.join(PLACES[PhotoOrder.TAKEN])}) < (%(moment)s, %(name)s, %(uploaded_at)s, %(key)s)",
}
"""What comes after a place."""

_RENDITION = ("content_type", "width", "height", "length", "crc32")
_FIRST_RENDITION = 23
"""What comes before in a row of ``_SELECT``; it is read by place."""

_SELECT = f"""
SELECT p.photo_id, p.status, p.sha256, p.source, p.filename, p.content_type, p.format, p.width, p.height, p.bytes,
       p.camera, p.taken_at, p.taken_at_offset, p.blurhash, p.dominant_color, p.uploaded_at, p.processed_at,
       p.expired_at, (SELECT s.committed_at FROM shard s WHERE s.shard_id = p.shard_id),
       {_HELD}, {_HELD_BY_CUSTOMER}, p.binned_at, p.device_id, r.*
"""
_OF_KINDS = ", ".join(
    f"max({column}) FILTER (WHERE kind = '{kind.value}') AS {kind.value}_{column}"
    for kind in RenditionKind
    for column in _RENDITION
)
_JOIN = f"CROSS JOIN LATERAL (SELECT {_OF_KINDS} FROM rendition WHERE photo_id = p.photo_id) r"
"""Of one photo after the other, whatever the planner thinks of the table: all of its renditions side by side."""


def _page(order: PhotoOrder, after: str) -> str:
    """So many photos are taken before anything is looked up for them: a page costs the same in any gallery."""
    parts = [f"{part} AS place_{number}" for number, part in enumerate(PLACES[order])]
    photos = f"""
SELECT *, {", ".join(parts)} FROM photo p
 WHERE {SHOWN} {after}
 ORDER BY {", ".join(f"{part} DESC" for part in PLACES[order])} LIMIT %(limit)s"""
    in_order = ", ".join(f"p.place_{number} DESC" for number in range(len(parts)))
    return f"{_SELECT} FROM ({photos}) p {_JOIN} ORDER BY {in_order}"


_FIRST_PAGES = {order: _page(order, "") for order in PhotoOrder}
_LATER_PAGES = {order: _page(order, AFTER[order]) for order in PhotoOrder}
_PAGES_FROM_A_MOMENT = {order: _page(order, f"AND {LISTED_AT[order]} <= %(moment)s") for order in PhotoOrder}
"""After a place that says no more."""


def facts_of(found: str, *more: str) -> str:
    """What there is to say of the photos that a statement finds, and columns of its own, of ``f``, at the end.

    A row is for ``gallery_photo``; the statement has few rows, numbered in their order.
    """
    columns = "".join(f", {column}" for column in more)
    return f"{_SELECT}{columns} FROM ({found}) f JOIN photo p ON p.photo_id = f.photo_id {_JOIN} ORDER BY f.number"


def _bin_page(after: str) -> str:
    photos = f"""
SELECT * FROM photo p WHERE p.customer_id = %(customer)s AND p.binned_at IS NOT NULL {after}
 ORDER BY p.binned_at DESC, p.photo_id DESC LIMIT %(limit)s"""
    return f"{_SELECT} FROM ({photos}) p {_JOIN} ORDER BY p.binned_at DESC, p.photo_id DESC"


_FIRST_BIN_PAGE = _bin_page("")
_LATER_BIN_PAGE = _bin_page("AND (p.binned_at, p.photo_id) < (%(moment)s, %(key)s)")


PHOTO = f"{_SELECT} FROM photo p {_JOIN} WHERE p.customer_id = %(customer)s AND p.photo_id = %(photo)s"
"""A photo, ``photo`` of ``customer``; a row is for ``gallery_photo``."""

SHOWN_STATUS = "CASE WHEN p.binned_at IS NULL THEN p.status ELSE 'binned' END"
"""What its customer is told of a photo ``p``: one of ``ABSENCES``, or where it stands."""

RENDITIONS = f"""
SELECT asked.place, {SHOWN_STATUS}, p.sha256, s.path, r."offset",
       r.length, r.content_type, r.kind, r.crc32, p.filename, s.committed_at, {_HELD}
  FROM unnest(%(customers)s::uuid[], %(photos)s::uuid[], %(kinds)s::text[])
         WITH ORDINALITY AS asked (customer_id, photo_id, kind, place)
  JOIN photo p ON p.photo_id = asked.photo_id AND p.customer_id = asked.customer_id
  LEFT JOIN rendition r ON r.photo_id = p.photo_id AND r.kind = asked.kind
  LEFT JOIN shard s ON s.shard_id = r.shard_id
"""
"""Renditions by three lists of the same length. A row is its place in the lists, from 1, and one for
``stored_rendition``."""


ABSENCES = {absence.value: absence for absence in (Absence.EXPIRED, Absence.BINNED)}


def page_statement(customer_id: UUID, page: Page) -> tuple[str, dict[str, Any]]:
    """The processed photos of a page, and its parameters; a row is for ``gallery_photo``."""
    parameters: dict[str, Any] = {"customer": customer_id, "limit": page.limit}
    if page.after is None:
        return _FIRST_PAGES[page.order], parameters
    after = page.after
    # The camera's own time, as if it were UTC, where that is what photos are listed by.
    taken = page.order is PhotoOrder.TAKEN
    parameters["moment"] = after.moment.astimezone(UTC).replace(tzinfo=None) if taken else after.moment
    if after.name is None:
        return _PAGES_FROM_A_MOMENT[page.order], parameters
    place = {"name": after.name, "uploaded_at": after.uploaded_at, "key": UUID(after.key)}
    return _LATER_PAGES[page.order], {**parameters, **place}


def bin_statement(customer_id: UUID, page: Page) -> tuple[str, dict[str, Any]]:
    """A page of the customer's bin, last binned first, and its parameters; a row is for ``gallery_photo``."""
    parameters: dict[str, Any] = {"customer": customer_id, "limit": page.limit}
    if page.after is None:
        return _FIRST_BIN_PAGE, parameters
    return _LATER_BIN_PAGE, {**parameters, "moment": page.after.moment, "key": UUID(page.after.key)}


def gallery_photo(row: AnyRow) -> GalleryPhoto:
    """A row of ``PHOTO`` or of a page."""
    photo_id, status, sha256, source, *facts = row[:_FIRST_RENDITION]
    facts.insert(-3, list(_renditions(sha256, row[_FIRST_RENDITION:])))
    return GalleryPhoto(photo_id, PhotoStatus(status), sha256, Source(source), *facts)


def _renditions(sha256: str, values: AnyRow) -> Iterator[GalleryRendition]:
    for place, kind in enumerate(RenditionKind):
        content_type, width, height, length, crc32 = values[place * len(_RENDITION) :][: len(_RENDITION)]
        if content_type is not None:
            yield GalleryRendition(kind, content_type, width, height, length, _tag(sha256, kind, crc32, length))


def stored_rendition(row: AnyRow) -> StoredRendition | Absence:
    """A row of ``RENDITIONS`` without its place."""
    status, sha256, path, offset, length, content_type, kind, crc32, *others = row
    if status in ABSENCES:
        return ABSENCES[status]
    if path is None:
        return Absence.UNKNOWN
    tag = _tag(sha256, RenditionKind(kind), crc32, length)
    return StoredRendition(ArchiveLocation(path, offset, length), content_type, tag, *others)


def _tag(sha256: str, kind: RenditionKind, crc32: int, length: int) -> str:
    return sha256 if kind is RenditionKind.ORIGINAL else f"{crc32:08x}-{length:x}"
