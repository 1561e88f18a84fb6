"""Leaving: all that is kept of oneself, and the end of the account."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.support.web import NOON, Platform, sign_up
from tests.unit.web.test_gallery import gallery_photo

from photo_pipeline.api import exporting
from photo_pipeline.api.selection_schemas import AccountExport
from photo_pipeline.api.sessions import LONGEST_SESSION
from photo_pipeline.domain.accounts import AccountRecord
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.web.bodies import DOCUMENT_BYTES

pytestmark = pytest.mark.anyio

PASSWORD = {"password": "correct horse battery"}


async def close(client: httpx.AsyncClient, password: str = PASSWORD["password"]) -> httpx.Response:
    """Close the account."""
    return await client.request("DELETE", "/me", json={"password": password})


async def test_an_account_is_closed_with_its_password(platform: Platform, ada: httpx.AsyncClient) -> None:
    """403 with another one, and nothing happens; with the right one all of its sessions end, and the cookie goes."""
    (customer, _), *_ = platform.customers.customers.values()
    async with platform.client() as phone:
        phone.headers["Authorization"] = ada.headers["Authorization"]
        login = await phone.post("/session", json={"email": customer.email, **PASSWORD})
        phone.cookies.clear()
        phone.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        wrong = await close(ada, "something else")
        assert (wrong.status_code, wrong.json()["type"].rpartition(":")[2]) == (403, "wrong_password")
        assert platform.accounts.closed == []
        assert (await phone.get("/photos")).status_code == 200
        answer = await close(ada)
        assert (answer.status_code, answer.headers["Clear-Site-Data"]) == (204, '"cache"')
        assert platform.accounts.closed == [(customer.customer_id, NOON + LONGEST_SESSION)]
        for client in (ada, phone):
            for path in ("/photos", "/me", "/me/export", "/devices"):
                assert (await client.get(path)).status_code == 401
        assert (await close(phone)).status_code == 401


async def test_guesses_at_the_password_are_counted_like_log_ins(platform: Platform, ada: httpx.AsyncClient) -> None:
    """A session that was left open does not let somebody try passwords: 429, for the log-in as well."""
    statuses = [(await close(ada, f"guess {n}")).status_code for n in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    login = {"email": "ada@example.org", **PASSWORD}
    assert (await ada.post("/session", json=login)).status_code == 429
    assert platform.accounts.closed == []


async def test_the_address_is_free_again(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Whoever signs up with it is another customer."""
    (customer, _), *_ = platform.customers.customers.values()
    await close(ada)
    async with platform.client() as again:
        assert await sign_up(again) != customer.customer_id


async def test_unfinished_uploads_go_with_the_account(platform: Platform, ada: httpx.AsyncClient) -> None:
    """What came of them, and receipts of finished ones: no file of the customer's is left where uploads wait."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "100"}
    begun = await ada.post(
        "/uploads", headers={**headers, "Content-Type": "application/offset+octet-stream"}, content=b"\xff\xd8\xff"
    )
    assert begun.status_code == 201

    def files() -> list[Path]:
        return [path for path in platform.settings.upload_dir.rglob("*") if path.is_file()]

    assert files()
    await close(ada)
    assert files() == []


async def test_a_database_that_is_away_closes_nothing(platform: Platform, ada: httpx.AsyncClient) -> None:
    """503, and the session goes on."""
    platform.customers.away = True
    assert (await close(ada)).status_code == 503
    platform.customers.away = False
    assert (await ada.get("/me")).status_code == 200


def record(number: int) -> AccountRecord:
    """What became of something."""
    at = RecordCoordinates("photos.uploaded", 0, number)
    moment = NOON + timedelta(seconds=number)
    return AccountRecord(1, at, "processed", None, uuid4(), "upload", "a.jpg", 100, moment, moment, None)


async def test_the_export_has_everything(
    platform: Platform, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is described, however many pages it takes; for saving. What lies in the bin is the customer's, too."""
    monkeypatch.setattr(exporting, "PAGE", 3)
    (customer, _), *_ = platform.customers.customers.values()
    photos = [gallery_photo(minutes=n) for n in range(7)]
    platform.gallery.processed += [(customer.customer_id, photo) for photo in photos]
    platform.gallery.processed.append((uuid4(), gallery_photo()))
    platform.accounts.kept = [record(n) for n in range(8)]
    await ada.delete(f"/photos/{photos[6].photo_id}")
    await ada.post("/devices", json={"name": "door"})
    (idle,) = platform.customers.devices(customer.customer_id)
    platform.customers.active[idle.device.device_id] = replace(idle, seen_at=NOON)
    await ada.post("/shares", json={"photo_ids": [str(photos[0].photo_id)]})
    answer = await ada.get("/me/export")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    export = AccountExport.model_validate_json(answer.content)
    assert export.customer.email == "ada@example.org"
    assert [photo.photo_id for photo in export.photos] == [photo.photo_id for photo in photos]
    assert [photo.binned_at is not None for photo in export.photos] == [False] * 6 + [True]
    assert [each.record for each in export.records] == [f"photos.uploaded-0-{n}" for n in range(8)]
    assert ([device.name for device in export.devices], len(export.shares)) == (["door"], 1)
    assert [device.last_seen_at for device in export.devices] == [NOON]


async def test_an_export_of_nothing_is_a_document(ada: httpx.AsyncClient) -> None:
    """Of somebody who has just signed up."""
    export = AccountExport.model_validate_json((await ada.get("/me/export")).content)
    assert (export.photos, export.records, export.devices) == ([], [], [])


async def test_a_long_document_is_refused(ada: httpx.AsyncClient) -> None:
    """413, whatever is in it."""
    answer = await ada.request("DELETE", "/me", content=b" " * (DOCUMENT_BYTES + 1))
    assert answer.status_code == 413
