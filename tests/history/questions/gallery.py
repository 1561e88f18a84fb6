"""What customers' pages and programs ask, under the role ``photo_api``."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from tests.history.questions.kind import Prepare, Put, each, in_every_month, one
from tests.history.shape import COLLECTOR, HOARDER, VETERAN, ordinary
from tests.history.world import History

from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.adapters.postgres.outcome_feed import PostgresOutcomeFeed
from photo_pipeline.domain.gallery import Page, PhotoOrder, Place, RenditionName
from photo_pipeline.domain.photo import RenditionKind

LIMIT = 60
WHO = {"a hoarder's": HOARDER, "a veteran's": VETERAN, "a collector's": COLLECTOR, "an ordinary": ordinary(0)}
LISTENING = [HOARDER, VETERAN, *(ordinary(number) for number in range(10))]
PLACES = {"first": 0.0, "middle": 0.5, "last": 1.0}


def _photos(customer_id: UUID, order: PhotoOrder, place: float) -> Prepare:
    moment = "coalesce(taken_at, uploaded_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
    if order is PhotoOrder.UPLOADED:
        moment = "uploaded_at"

    def prepare(history: History) -> Put:
        where = "FROM photo WHERE customer_id = :customer_id AND status = 'processed'"
        count = history.one(f"SELECT count(*) {where}", customer_id=customer_id)
        # The last page ends with the last photo, and says so by being short.
        before = int(place * max(0, count - LIMIT // 2))
        after = None
        if before:
            name = """coalesce(filename, '') COLLATE "C\""""
            query = f"""SELECT {moment}, {name}, uploaded_at, photo_id {where}
                         ORDER BY 1 DESC, 2 DESC, 3 DESC, 4 DESC OFFSET {before - 1} LIMIT 1"""
            ((at, named, uploaded_at, photo_id),) = history.rows(query, customer_id=customer_id)
            after = Place(at, str(photo_id), named, uploaded_at)
        page = Page(LIMIT, after, order)

        def ask() -> int:
            photos = PostgresGallery(history.api).photos(customer_id, page)
            return len(photos) + sum(len(photo.renditions) for photo in photos)

        return ask

    return prepare


def _rejected(customer_id: UUID) -> Prepare:
    def prepare(history: History) -> Put:
        return each(lambda: PostgresGallery(history.api).rejected(customer_id, Page(LIMIT)))

    return prepare


def _photo(condition: str) -> Prepare:
    def prepare(history: History) -> Put:
        record = history.records(condition, limit=1)[0]
        return one(lambda: PostgresGallery(history.api).photo(record.customer_id, record.photo_id))

    return prepare


def _unknown_photo(history: History) -> Put:
    return one(lambda: PostgresGallery(history.api).photo(VETERAN, UUID(int=99)))


def _rendition(condition: str) -> Prepare:
    def prepare(history: History) -> Put:
        (row,) = history.rows(f"SELECT customer_id, photo_id FROM photo WHERE {condition} ORDER BY photo_id LIMIT 1")

        name = RenditionName(row.customer_id, row.photo_id, RenditionKind.THUMB)
        return each(lambda: PostgresGallery(history.api).renditions([name]))

    return prepare


def _receipts(condition: str) -> Prepare:
    def prepare(history: History) -> Put:
        receipts = history.receipts(condition)
        return each(lambda: PostgresGallery(history.api).receipts(receipts))

    return prepare


def _pending(history: History) -> Put:
    """Beyond the ledger's end."""
    later = [
        replace(each, photo_id=uuid4(), coordinates=replace(each.coordinates, offset=10**9 + place))
        for place, each in enumerate(history.receipts(LIVE))
    ]
    return each(lambda: PostgresGallery(history.api).receipts(later))


def _news(position: Callable[[History], str]) -> Prepare:
    def prepare(history: History) -> Put:
        feed = PostgresOutcomeFeed(history.api)
        since = position(history)
        history.commit(ordinary(0))
        return each(lambda: feed.since(since, LISTENING).outcomes)

    return prepare


def _now(history: History) -> str:
    return PostgresOutcomeFeed(history.api).since(None, []).position


def _old_transaction(history: History) -> str:
    """As it is while a transaction goes on that began in the middle of the past."""
    newest = _now(history).split(":")[1]
    oldest = history.xid_of(history.shape.slices // 2) - 1
    return f"{oldest}:{newest}:{oldest}"


def _recent(customer_id: UUID) -> Prepare:
    since = timedelta(minutes=10)

    def prepare(history: History) -> Put:
        return each(lambda: PostgresOutcomeFeed(history.api).recent(customer_id, history.now - since, 500))

    return prepare


LIVE = "outcome = 'processed' AND filename IS NOT NULL"
GONE = "outcome = 'processed' AND filename IS NULL"
REFUSED = "outcome = 'rejected'"
QUESTIONS: Mapping[str, Prepare] = {
    **{
        f"gallery: {who} {name} page by time {order.value}": _photos(customer_id, order, place)
        for who, customer_id in WHO.items()
        for order in PhotoOrder
        for name, place in PLACES.items()
    },
    **{f"gallery: {who} refused photos": in_every_month(_rejected(customer_id)) for who, customer_id in WHO.items()},
    "gallery: a photo": _photo(LIVE),
    "gallery: an expired photo": _photo(GONE),
    "gallery: a refused photo": in_every_month(_photo(REFUSED)),
    "gallery: an unknown photo": in_every_month(_unknown_photo),
    "gallery: where a thumb lies": _rendition("status = 'processed'"),
    "gallery: where a collector's thumb lies": _rendition(f"status = 'processed' AND customer_id = '{COLLECTOR}'"),
    "gallery: where an expired thumb lay": _rendition("status = 'expired'"),
    "receipts: of live photos": _receipts(LIVE),
    "receipts: of expired photos": _receipts(GONE),
    "receipts: of refused photos": _receipts(REFUSED),
    "receipts: of photos that wait": _pending,
    "events: since the last second": _news(_now),
    "events: while an old transaction is open": _news(_old_transaction),
    **{f"events: {who} last ten minutes": _recent(customer_id) for who, customer_id in WHO.items()},
}
