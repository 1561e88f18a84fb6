"""Sending photos: every file ends as a receipt or as a reason, and nothing is accepted before Kafka has it."""

import pytest
from tests.support.images import encoded, scene
from tests.support.web import Platform, sign_up

from photo_pipeline.domain.imaging import SniffedFormat

pytestmark = pytest.mark.anyio


def photo(seed: int = 0) -> bytes:
    """A small JPEG."""
    return encoded(scene(64, 48, seed), SniffedFormat.JPEG)


async def test_receipts_come_in_the_order_of_the_files(platform: Platform) -> None:
    """Each accepted file has a receipt, in order, and its record carries the file's bytes."""
    photos = [photo(seed) for seed in range(3)]
    async with platform.client() as client:
        await sign_up(client)
        answer = await client.post("/photos", files=[("files", (f"{n}.jpg", data)) for n, data in enumerate(photos)])
    assert answer.status_code == 202, answer.text
    assert [receipt["filename"] for receipt in answer.json()["receipts"]] == ["0.jpg", "1.jpg", "2.jpg"]
    assert [receipt["offset"] for receipt in answer.json()["receipts"]] == [0, 1, 2]
    assert [record.value for record in platform.log.records] == photos
