"""Keeping photos longer: where the operator lets customers, their own photos, so many of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.web import Platform, running, sign_up, web_settings
from tests.unit.web.test_gallery import gallery_photo

pytestmark = pytest.mark.anyio


@pytest.fixture
async def generous(tmp_path: Path) -> AsyncIterator[Platform]:
    """Give an application whose operator lets customers keep one photo."""
    async with running(web_settings(tmp_path, customer_holds=1)) as started:
        yield started


async def test_by_default_nobody_keeps_anything(platform: Platform) -> None:
    """The operator decides: 403, and the page is told not to offer it."""
    async with platform.client() as ada:
        await sign_up(ada)
        assert (await ada.get("/me")).json()["holds_allowed"] == 0
        for method in ("PUT", "DELETE"):
            assert (await ada.request(method, f"/holds/{uuid4()}")).status_code == 403


async def test_a_photo_is_kept_and_let_go(generous: Platform) -> None:
    """Kept twice is kept once; let go twice, there is nothing to let go."""
    async with generous.client() as ada:
        me = await sign_up(ada)
        photo = gallery_photo()
        generous.gallery.processed.append((me, photo))
        path = f"/holds/{photo.photo_id}"
        assert (await ada.get("/me")).json()["holds_allowed"] == 1
        calls = [("PUT", 204), ("PUT", 204), ("DELETE", 204), ("DELETE", 404)]
        for method, status in calls:
            assert (await ada.request(method, path)).status_code == status


async def test_only_so_many(generous: Platform) -> None:
    """The limit is said in the answer."""
    async with generous.client() as ada:
        me = await sign_up(ada)
        first, second = gallery_photo(), gallery_photo()
        generous.gallery.processed += [(me, first), (me, second)]
        assert (await ada.put(f"/holds/{first.photo_id}")).status_code == 204
        answer = await ada.put(f"/holds/{second.photo_id}")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "too_many_holds")


async def test_anothers_photo_and_a_gone_one(generous: Platform) -> None:
    """404 in the words for one that never was; 410 for what was there."""
    async with generous.client() as ada, generous.client() as grace:
        me = await sign_up(ada)
        await sign_up(grace, "grace@example.org")
        photo = gallery_photo()
        generous.gallery.processed.append((me, photo))
        assert (await grace.put(f"/holds/{photo.photo_id}")).status_code == 404
        assert (await grace.delete(f"/holds/{photo.photo_id}")).status_code == 404
        generous.gallery.expired.add((me, photo.photo_id))
        assert (await ada.put(f"/holds/{photo.photo_id}")).status_code == 410
    assert generous.holds.placed == {}
