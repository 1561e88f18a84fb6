"""What customers ask who look for photos, under the role ``photo_api``."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from tests.history.questions.gallery import WHO
from tests.history.questions.kind import Prepare, Put, one
from tests.history.world import History

from photo_pipeline.adapters.postgres.finding import PostgresFinder
from photo_pipeline.domain.finding import COUNTED, PhotoFilter, Search
from photo_pipeline.domain.gallery import PhotoOrder
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import RenditionKind

LIMIT = 60
LOOKED_AT = 200
"""Less than a hoarder has in a short past: the bound is what is asked about."""
WANTED = {
    "nothing that there is": PhotoFilter(camera="None"),
    "a name": PhotoFilter(name="img_7"),
    "a format": PhotoFilter(format=SniffedFormat.PNG),
}


def _found(customer_id: UUID, order: PhotoOrder, wanted: PhotoFilter) -> Prepare:
    def prepare(history: History) -> Put:
        return _asked(history, customer_id, Search(wanted, order, LIMIT, looked_at=LOOKED_AT))

    return prepare


def _of_a_day(customer_id: UUID, order: PhotoOrder) -> Prepare:
    """In the middle of the past: what is listed before it is not looked at."""

    def prepare(history: History) -> Put:
        day = (history.now - history.shape.past / 2).date()
        wanted = PhotoFilter(first_day=day - timedelta(days=1), last_day=day)
        return _asked(history, customer_id, Search(wanted, order, LIMIT))

    return prepare


def _asked(history: History, customer_id: UUID, search: Search) -> Put:
    """Photos with their renditions, the last one that was looked at too: it says where to go on."""

    def ask() -> int:
        found = PostgresFinder(history.api).find(customer_id, search)
        rows = len(found.photos) + (found.next is not None)
        return 1 + rows * (1 + len(RenditionKind))

    return ask


def _months(customer_id: UUID, order: PhotoOrder, counted: int = COUNTED) -> Prepare:
    """Linear in what is counted, and of the index alone."""

    def prepare(history: History) -> Put:
        history.vacuum("photo")
        finder = PostgresFinder(history.api)

        def ask() -> int:
            months = finder.timeline(customer_id, order, PhotoFilter(), counted).months
            return max(1, sum(month.photos for month in months))

        return ask

    return prepare


def _choices(customer_id: UUID) -> Prepare:
    def prepare(history: History) -> Put:
        history.vacuum("photo")
        return one(lambda: PostgresFinder(history.api).choices(customer_id, LOOKED_AT))

    return prepare


QUESTIONS: Mapping[str, Prepare] = {
    **{
        f"finding: {what} among {who} photos by time {order.value}": _found(customer_id, order, wanted)
        for who, customer_id in WHO.items()
        for order in PhotoOrder
        for what, wanted in WANTED.items()
    },
    **{
        f"finding: {who} photos of two days by time {order.value}": _of_a_day(customer_id, order)
        for who, customer_id in WHO.items()
        for order in PhotoOrder
    },
    **{
        f"finding: {who} newest months by time {order.value}": _months(customer_id, order, LOOKED_AT)
        for who, customer_id in WHO.items()
        for order in PhotoOrder
    },
    **{f"finding: all of {who} months": _months(customer_id, PhotoOrder.TAKEN) for who, customer_id in WHO.items()},
    **{f"finding: what {who} newest photos have": _choices(customer_id) for who, customer_id in WHO.items()},
}
