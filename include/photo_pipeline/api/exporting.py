"""All that is kept of a customer as one JSON document, written page by page: it may be long."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from pydantic_core import to_json

from photo_pipeline.api.account_schemas import SessionView
from photo_pipeline.api.device_schemas import ActiveDeviceView
from photo_pipeline.api.photo_bodies import photo_body
from photo_pipeline.api.schemas import CustomerView
from photo_pipeline.api.selection_schemas import RecordView, ShareView
from photo_pipeline.api.services import MOST_SESSIONS, Services
from photo_pipeline.domain.accounts import AccountRecord
from photo_pipeline.domain.customers import Customer
from photo_pipeline.domain.gallery import GalleryPhoto, Page, PhotoOrder, Place

PAGE = 200
Item = TypeVar("Item")


async def exported(services: Services, customer: Customer) -> AsyncIterator[bytes]:
    """The document that ``AccountExport`` describes. What the database refuses in the middle ends it unfinished."""
    run, customer_id = services.database.run, customer.customer_id
    yield b'{"exported_at":' + to_json(services.clock.now())
    yield b',"customer":' + to_json(CustomerView.of(customer))
    sessions = await run(services.open_sessions.of_customer, customer_id, MOST_SESSIONS)
    yield b',"sessions":' + to_json([SessionView.of(each) for each in sessions])
    devices = await run(services.customers.devices, customer_id)
    yield b',"devices":' + to_json([ActiveDeviceView.doing(each) for each in devices])
    shares = await run(services.shares.of_customer, customer_id)
    yield b',"shares":' + to_json([ShareView.of(each) for each in shares])
    async for piece in _listed("photos", _photos(services, customer)):
        yield piece
    async for piece in _listed("records", _records(services, customer)):
        yield piece
    yield b"}"


async def _listed(name: str, pages: AsyncIterator[Sequence[object]]) -> AsyncIterator[bytes]:
    """A member that is a list, from pages of its items."""
    before = f',"{name}":['.encode()
    async for page in pages:
        for item in page:
            yield before + to_json(item)
            before = b","
    yield b"]" if before == b"," else before + b"]"


async def _photos(services: Services, customer: Customer) -> AsyncIterator[Sequence[object]]:
    """A photo that is put into the bin meanwhile may be in both lists, and is in one at least."""
    ways: list[tuple[Callable[..., Sequence[GalleryPhoto]], Callable[[GalleryPhoto], Place]]] = [
        (services.gallery.photos, lambda photo: photo.place(PhotoOrder.UPLOADED)),
        (services.selection.binned, lambda photo: photo.place_in_bin),
    ]
    for look, place_of in ways:
        page = Page(PAGE)
        while found := await services.database.run(look, customer.customer_id, page):
            yield [photo_body(photo) for photo in found]
            page = Page(PAGE, place_of(found[-1]))


async def _records(services: Services, customer: Customer) -> AsyncIterator[Sequence[object]]:
    last: AccountRecord | None = None
    look = services.accounts.records
    while found := await services.database.run(look, customer.customer_id, last, PAGE):
        yield [RecordView.of(record) for record in found]
        last = found[-1]
