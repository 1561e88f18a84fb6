"""A customer's flood goes into the bulk lane, and nobody else's photos do."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.support.images import encoded, scene
from tests.support.web import running, sign_up, web_settings

from photo_pipeline.domain.imaging import Header, SniffedFormat, decode_seconds
from photo_pipeline.domain.lanes import Lane
from photo_pipeline.settings import WebSettings
from photo_pipeline.web import fair_lanes
from photo_pipeline.web.buckets import Rate
from photo_pipeline.web.fair_lanes import FairLanes

ADA, GRACE = UUID(int=1), UUID(int=2)
PHONE = Header(SniffedFormat.JPEG, 4000, 3000)
HEAVY = Header(SniffedFormat.JPEG, 4000, 3000, multi_scan=True, scans=100)
PHOTO = encoded(scene(64, 48), SniffedFormat.JPEG)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def default_lanes() -> FairLanes:
    """As the applications have them."""
    burst, rate = (
        WebSettings.model_fields[f"customer_{name}"].default for name in ("burst_seconds", "seconds_per_second")
    )
    return FairLanes(Rate(rate, burst), Clock())


def normal(lanes: FairLanes, customer: UUID, header: Header, photos: int) -> int:
    """How many of so many photos take everybody's lane."""
    return [lanes.lane_for(customer, decode_seconds(header)) for _ in range(photos)].count(Lane.NORMAL)


def test_a_share_is_some_hundred_phone_photos() -> None:
    """What people send in an evening waits with everybody's; the rest of 3,000 has a lane of its own."""
    assert 500 < normal(default_lanes(), ADA, PHONE, 3000) < 700


def test_a_few_heavy_photos_weigh_as_much() -> None:
    """Else a share would be what they are many of, not what they cost."""
    assert 0 < normal(default_lanes(), ADA, HEAVY, 1000) < 30


def test_one_customers_flood_is_nobody_elses() -> None:
    """Another customer has a whole share, however much the first one sends."""
    lanes = FairLanes(Rate(0.1, 20), Clock())
    normal(lanes, ADA, PHONE, 10_000)
    assert lanes.lane_for(GRACE, decode_seconds(PHONE)) is Lane.NORMAL
    assert lanes.lane_for(ADA, decode_seconds(PHONE)) is Lane.BULK


def test_a_share_comes_back() -> None:
    """With time, and for what waits in the bulk lane nothing is owed."""
    clock = Clock()
    lanes = FairLanes(Rate(0.1, 20), clock)
    first = normal(lanes, ADA, PHONE, 10_000)
    clock.now = 200
    assert normal(lanes, ADA, PHONE, 10_000) == first


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More customers than are remembered cost no more memory."""
    monkeypatch.setattr(fair_lanes, "MAX_CUSTOMERS", 10)
    lanes = FairLanes(Rate(0.1, 20), Clock())
    for _ in range(100):
        lanes.lane_for(uuid4(), 1)
    assert lanes._buckets.used == 10


@pytest.mark.parametrize("found", list(SniffedFormat))
def test_every_format_has_a_cost(found: SniffedFormat) -> None:
    """And no photo is free."""
    assert decode_seconds(Header(found, 1, 1)) > 0


@pytest.mark.anyio
async def test_uploads_beyond_a_share_take_the_bulk_lane(tmp_path: Path) -> None:
    """As the records say, and the metrics; another customer's take the other one, and none is refused."""
    settings = web_settings(tmp_path, customer_burst_seconds=0.05)
    async with running(settings) as platform, platform.client() as ada, platform.client() as grace:
        await sign_up(ada)
        await sign_up(grace, "grace@example.org")
        sent = [
            await each.post("/photos", files=[("files", (f"{number}.jpg", PHOTO)) for number in range(4)])
            for each in (ada, grace)
        ]
        assert [len(answer.json()["receipts"]) for answer in sent] == [4, 4]
        lanes = [record.lane for record in platform.log.records]
        assert lanes == [Lane.NORMAL, Lane.NORMAL, Lane.BULK, Lane.BULK] * 2
        told = (await ada.get(str(ada.base_url.copy_with(path="/metrics")))).text
        assert 'photos_accepted_by_lane_total{lane="bulk"} 4.0' in told
