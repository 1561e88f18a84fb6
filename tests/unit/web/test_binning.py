"""The bin over HTTP: one photo or many, the caller's own alone."""

from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.web import Platform, sign_up
from tests.unit.web.test_gallery import gallery_photo

from photo_pipeline.domain.gallery import Absence, GalleryPhoto, RenditionName
from photo_pipeline.domain.photo import RenditionKind, photo_id_for
from photo_pipeline.web.buckets import Buckets, Rate

pytestmark = pytest.mark.anyio


def own(platform: Platform, count: int = 1, customer: UUID | None = None) -> list[GalleryPhoto]:
    """Photos of the customer who signed up last, or of another one."""
    (found, _), *_ = reversed(platform.customers.customers.values())
    photos = [gallery_photo() for _ in range(count)]
    platform.gallery.processed += [(customer or found.customer_id, photo) for photo in photos]
    return photos


async def test_one_photo_goes_and_comes_back(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Deleted twice is deleted once. Meanwhile its owner is told where it is, and the bin lists it."""
    [photo] = own(platform)
    path = f"/photos/{photo.photo_id}"
    for _ in range(2):
        assert (await ada.delete(path)).status_code == 204
    gone = await ada.get(path)
    assert (gone.status_code, gone.json()["type"].rpartition(":")[2]) == (410, "binned")
    assert (await ada.get("/photos")).json()["photos"] == []
    [listed] = (await ada.get("/photos?status=binned")).json()["photos"]
    assert (listed["photo_id"], listed["binned_at"] is None) == (str(photo.photo_id), False)
    for _ in range(2):
        answer = await ada.post("/photos/restore", json={"photo_ids": [str(photo.photo_id)]})
        assert answer.json() == {"done": [str(photo.photo_id)], "expired": [], "unknown": []}
    assert (await ada.get(path)).json()["binned_at"] is None


async def test_its_bytes_are_not_shown(platform: Platform, ada: httpx.AsyncClient) -> None:
    """410 for each form, as for what has expired, and with another reason."""
    (customer, _), *_ = platform.customers.customers.values()
    photo_id = uuid4()
    for kind in RenditionKind:
        platform.gallery.stored[RenditionName(customer.customer_id, photo_id, kind)] = [Absence.BINNED]
    for kind in RenditionKind:
        for method in ("GET", "HEAD"):
            answer = await ada.request(method, f"/photos/{photo_id}/{kind.value}")
            assert answer.status_code == 410
    assert (await ada.get(f"/photos/{photo_id}/thumb")).json()["type"].rpartition(":")[2] == "binned"


async def test_anothers_photo_is_as_one_that_never_was(platform: Platform, ada: httpx.AsyncClient) -> None:
    """404 in the same words, `unknown` in a batch, and nothing happens to it."""
    [hers] = own(platform, customer=uuid4())
    answers = [await ada.delete(f"/photos/{photo_id}") for photo_id in (hers.photo_id, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
    for way in ("delete", "restore"):
        answer = await ada.post(f"/photos/{way}", json={"photo_ids": [str(hers.photo_id)]})
        assert answer.json() == {"done": [], "expired": [], "unknown": [str(hers.photo_id)]}
    assert platform.gallery.processed[0][1] == hers


async def test_a_batch_does_what_it_can(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Each photo is named once, in the order of the request, whatever came of it."""
    first, second, old = own(platform, 3)
    platform.gallery.expired.add((platform.gallery.processed[2][0], old.photo_id))
    nobodys = uuid4()
    asked = [str(photo_id) for photo_id in (second.photo_id, nobodys, old.photo_id, first.photo_id, second.photo_id)]
    answer = await ada.post("/photos/delete", json={"photo_ids": asked})
    assert answer.json() == {
        "done": [str(second.photo_id), str(first.photo_id)],
        "expired": [str(old.photo_id)],
        "unknown": [str(nobodys)],
    }
    assert (await ada.delete(f"/photos/{old.photo_id}")).status_code == 410


@pytest.mark.parametrize("photo_ids", [[], [str(uuid4())] * 1001, ["no-id"], "5d3f7c1e", None])
async def test_a_batch_has_bounds(ada: httpx.AsyncClient, photo_ids: object) -> None:
    """1 to 1,000 ids: anything else is 422."""
    for way in ("delete", "restore"):
        assert (await ada.post(f"/photos/{way}", json={"photo_ids": photo_ids})).status_code == 422


async def test_each_has_their_pace(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Photos are counted, whichever way they go: then 429 for a while, for this customer and nobody else."""
    slow = Buckets[UUID](Rate(per_second=1.0, burst=4.0), lambda: 0.0, 10)
    object.__setattr__(platform.app.state.services, "binned", slow)
    photos = [str(photo.photo_id) for photo in own(platform, 3)]
    assert (await ada.post("/photos/delete", json={"photo_ids": photos})).status_code == 200
    assert (await ada.post("/photos/restore", json={"photo_ids": photos[:1]})).status_code == 200
    for answer in (
        await ada.delete(f"/photos/{photos[0]}"),
        await ada.post("/photos/delete", json={"photo_ids": photos}),
        await ada.post("/photos/restore", json={"photo_ids": photos[:2]}),
    ):
        assert (answer.status_code, answer.headers["Retry-After"] in {"1", "2", "3"}) == (429, True)
    assert [photo.binned_at is None for _, photo in platform.gallery.processed] == [True, False, False]
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await grace.delete(f"/photos/{uuid4()}")).status_code == 404


@pytest.mark.parametrize("way", ["delete", "restore", "archive"])
async def test_what_is_done_with_many_is_no_photo(ada: httpx.AsyncClient, way: str) -> None:
    """Its address allows what it is for, and not what can be done with one photo."""
    for method in ("PUT", "GET", "DELETE"):
        answer = await ada.request(method, f"/photos/{way}")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert (await ada.put(f"/photos/{uuid4()}")).headers["Allow"] == "DELETE, GET"


async def test_another_site_cannot_make_a_browser_delete(platform: Platform) -> None:
    """A cookie alone is not enough: 403, and nothing happens."""
    async with platform.browser() as ada:
        await sign_up(ada)
        (customer, _), *_ = platform.customers.customers.values()
        login = {"email": customer.email, "password": "correct horse battery"}
        assert (await ada.post("/session", json=login)).status_code == 200
        del ada.headers["Authorization"]
        [photo] = own(platform)
        ada.headers["Sec-Fetch-Site"] = "cross-site"
        assert (await ada.delete(f"/photos/{photo.photo_id}")).status_code == 403
        assert platform.gallery.processed[0][1].binned_at is None


async def test_what_is_in_the_bin_is_not_known_to_the_uploader(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Nobody is told that it need not be sent again: sending it again brings it back."""
    (customer, _), *_ = platform.customers.customers.values()
    sha256 = "cd" * 32
    photo = gallery_photo(photo_id=photo_id_for(customer.customer_id, sha256), sha256=sha256)
    platform.gallery.processed.append((customer.customer_id, photo))
    assert (await ada.get(f"/uploads/known/{sha256}")).json()["known"]
    await ada.delete(f"/photos/{photo.photo_id}")
    assert not (await ada.get(f"/uploads/known/{sha256}")).json()["known"]
