"""Photos found among many, with role ``photo_api``. Every statement names the customer and reads so many at most.

What is asked for is looked for in the index of the order in which photos are listed: it holds all of it, so that no
photo is read that is not shown. Months and days are ranges of it.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from photo_pipeline.adapters.postgres.engine import reading
from photo_pipeline.adapters.postgres.gallery_photos import AFTER, LISTED_AT, PLACES, SHOWN, facts_of, gallery_photo
from photo_pipeline.domain.finding import (
    CHOICES,
    COUNTED,
    Choice,
    Choices,
    Found,
    Month,
    PhotoFilter,
    Search,
    Timeline,
)
from photo_pipeline.domain.gallery import PhotoOrder, Place

_TYPES = {PhotoOrder.UPLOADED: "timestamptz", PhotoOrder.TAKEN: "timestamp"}
_FITS = """
    (%(source)s::text IS NULL OR p.source = %(source)s)
    AND (%(device)s::uuid IS NULL OR p.device_id = %(device)s)
    AND (%(camera)s::text IS NULL OR p.camera = %(camera)s)
    AND (%(format)s::text IS NULL OR p.format = %(format)s)
    AND (%(part)s::text IS NULL OR strpos(lower(normalize(coalesce(p.filename, ''))), lower(%(part)s)) > 0)"""
_FACTS = "p.source, p.device_id, p.camera, p.format, p.filename"


def _newest(order: PhotoOrder, begin: str, columns: str, limit: str) -> str:
    """The photos that are looked at: of the index alone, in its order."""
    since = f"{LISTED_AT[order]} >= coalesce(%(since)s::{_TYPES[order]}, '-infinity')"
    return f"""
SELECT {columns} FROM photo p
 WHERE {SHOWN} AND {since} {begin}
 ORDER BY {", ".join(f"{part} DESC" for part in PLACES[order])} LIMIT %({limit})s"""


def _before(order: PhotoOrder) -> str:
    return f"AND {LISTED_AT[order]} < coalesce(%(before)s::{_TYPES[order]}, 'infinity')"


def _page(order: PhotoOrder, begin: str) -> str:
    """The last one that is looked at comes along whether it fits or not: from there the search goes on."""
    parts = [f"{part} AS place_{number}" for number, part in enumerate(PLACES[order])]
    number = f"row_number() OVER (ORDER BY {', '.join(f'{part} DESC' for part in PLACES[order])}) AS number"
    looked_at = _newest(order, begin, ", ".join(["p.photo_id", _FACTS, *parts, number]), "looked_at")
    in_order = ", ".join(f"p.place_{number} DESC" for number in range(len(parts)))
    found = f"""
SELECT p.photo_id, p.number, ({_FITS}) AS fits FROM ({looked_at}) p
 WHERE ({_FITS}) OR p.number = %(looked_at)s ORDER BY {in_order} LIMIT %(limit)s"""
    return facts_of(found, "f.number", "f.fits")


_PAGES = {order: _page(order, _before(order)) for order in PhotoOrder}
_LATER_PAGES = {order: _page(order, AFTER[order]) for order in PhotoOrder}
_PAGES_FROM_A_MOMENT = {order: _page(order, f"AND {LISTED_AT[order]} <= %(moment)s") for order in PhotoOrder}
"""After a place that says no more."""

_MONTHS = {
    order: f"""
SELECT date_trunc('month', p.listed_at)::date, count(*) FILTER (WHERE {_FITS}), count(*)
  FROM ({_newest(order, _before(order), f"{_FACTS}, {LISTED_AT[order]} AS listed_at", "counted")}) p
 GROUP BY 1 ORDER BY 1 DESC"""
    for order in PhotoOrder
}

_CHOICES = f"""
WITH counted AS (
  SELECT p.source, p.device_id, p.camera, p.format, count(*) AS photos,
         grouping(p.source, p.device_id, p.camera, p.format)
    FROM ({_newest(PhotoOrder.UPLOADED, "", _FACTS, "counted")}) p
   GROUP BY GROUPING SETS ((p.source), (p.device_id), (p.camera), (p.format))
), ranked AS (
  SELECT *, coalesce(source, device_id::text, camera, format) AS value,
         row_number() OVER (PARTITION BY grouping ORDER BY photos DESC, source, device_id, camera, format) AS place
    FROM counted WHERE num_nonnulls(source, device_id, camera, format) > 0
)
SELECT r.grouping, r.value, r.photos, d.name FROM ranked r
  LEFT JOIN device d ON d.device_id = r.device_id AND d.customer_id = %(customer)s
 WHERE r.place <= {CHOICES} ORDER BY r.grouping, r.place
"""
_KINDS = {"sources": 0b0111, "devices": 0b1011, "cameras": 0b1101, "formats": 0b1110}
"""Which columns are not grouped by, as PostgreSQL says it."""


class PostgresFinder:
    """The ``PhotoFinder`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, customer_id: UUID, search: Search) -> Found:
        """See the port."""
        statement, parameters = search_statement(customer_id, search)
        with reading(self._engine) as cursor:
            rows = cursor.execute(statement, parameters).fetchall()
        return _found(rows, search)

    def timeline(self, customer_id: UUID, order: PhotoOrder, wanted: PhotoFilter, counted: int = COUNTED) -> Timeline:
        """See the port."""
        parameters = {"customer": customer_id, "counted": counted, **_asked(wanted, order)}
        with reading(self._engine) as cursor:
            rows: Sequence[tuple[date, int, int]] = cursor.execute(_MONTHS[order], parameters).fetchall()
        months = [Month(begins, photos) for begins, photos, _ in rows if photos > 0]
        return Timeline(months, sum(looked_at for *_, looked_at in rows) < counted)

    def choices(self, customer_id: UUID, counted: int = COUNTED) -> Choices:
        """See the port."""
        parameters = {"customer": customer_id, "counted": counted, "since": None}
        with reading(self._engine) as cursor:
            rows = cursor.execute(_CHOICES, parameters).fetchall()
        kinds = {kind: [Choice(*row[1:]) for row in rows if row[0] == grouping] for kind, grouping in _KINDS.items()}
        return Choices(**kinds)


def search_statement(customer_id: UUID, search: Search) -> tuple[str, dict[str, Any]]:
    """A page of what was looked for and one photo more, and its parameters."""
    order, after = search.order, search.after
    parameters = {
        "customer": customer_id,
        "looked_at": search.looked_at,
        "limit": search.limit + 1,
        **_asked(search.wanted, order),
    }
    before = search.wanted.before
    # One end of a range alone tells the index where to begin.
    if after is None or (before is not None and after.moment >= before):
        return _PAGES[order], parameters
    parameters["moment"] = _as_listed(after.moment, order)
    if after.name is None:
        return _PAGES_FROM_A_MOMENT[order], parameters
    place = {"name": after.name, "uploaded_at": after.uploaded_at, "key": UUID(after.key)}
    return _LATER_PAGES[order], {**parameters, **place}


def _asked(wanted: PhotoFilter, order: PhotoOrder) -> dict[str, Any]:
    return {
        "source": wanted.source,
        "device": wanted.device_id,
        "camera": wanted.camera,
        "format": wanted.format,
        "part": wanted.part_of_name,
        "since": _as_listed(wanted.since, order),
        "before": _as_listed(wanted.before, order),
    }


def _as_listed(moment: datetime | None, order: PhotoOrder) -> datetime | None:
    """The camera's own time, as if it were UTC, where that is what photos are listed by."""
    taken = order is PhotoOrder.TAKEN
    return moment.astimezone(UTC).replace(tzinfo=None) if taken and moment is not None else moment


def _found(rows: Sequence[Sequence[Any]], search: Search) -> Found:
    fitting = [gallery_photo(row) for row in rows if row[-1]]
    if len(fitting) > search.limit:
        shown = fitting[: search.limit]
        return Found(shown, shown[-1].place(search.order))
    return Found(fitting, _last_looked_at(rows, search))


def _last_looked_at(rows: Sequence[Sequence[Any]], search: Search) -> Place | None:
    """Where the search goes on, unless it has come to the last photo."""
    if not rows or rows[-1][-2] < search.looked_at:
        return None
    return gallery_photo(rows[-1]).place(search.order)
