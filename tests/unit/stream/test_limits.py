"""Token buckets per sender: what has been promised and no more, in bounded memory."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.stream import limits
from photo_pipeline.stream.limits import Bucket, Rate, SenderLimits, SlowDownError

ONE = UUID(int=1)
AMPLE = Rate(1e9, 1e9)


@given(
    per_second=st.floats(0.1, 1000),
    burst=st.integers(1, 1000),
    steps=st.lists(st.tuples(st.floats(0, 10), st.integers(1, 50)), max_size=60),
)
def test_never_more_than_the_burst_and_what_came_back(
    per_second: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    """Whatever is asked for and when: at most ``burst + seconds * per_second`` passes, beside one debt."""
    bucket, now, taken, largest = Bucket(Rate(per_second, burst), 0), 0.0, 0, 0
    for pause, cost in steps:
        now += pause
        largest = max(largest, cost)
        if bucket.wait_for(cost, now) == 0:
            bucket.take(cost)
            taken += cost
    assert taken <= burst + now * per_second + max(0, largest - burst) + 1e-3


@given(per_second=st.floats(0.1, 1000), burst=st.integers(1, 100), cost=st.integers(1, 300))
def test_after_the_wait_it_fits(per_second: float, burst: int, cost: int) -> None:
    """The wait that is told is enough, also for what is larger than the bucket."""
    bucket = Bucket(Rate(per_second, burst), 0)
    bucket.take(cost)
    wait = bucket.wait_for(cost, 0)
    assert bucket.wait_for(cost, wait * 1.000001 + 1e-6) == 0


def test_what_is_refused_is_not_counted() -> None:
    """A frame that is refused for its bytes leaves the frames as they were."""
    senders = SenderLimits(Rate(1, 2), Rate(1, 10), lambda: 0.0)
    senders.take(ONE, 10)
    with pytest.raises(SlowDownError) as refused:
        senders.take(ONE, 5)
    assert refused.value.wait_seconds == 5
    senders.take(ONE, 0)
    with pytest.raises(SlowDownError, match="frames per second"):
        senders.take(ONE, 0)


def test_senders_are_forgotten_the_longest_quiet_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; the others' buckets are kept as they are."""
    monkeypatch.setattr(limits, "MAX_SENDERS", 2)
    senders = SenderLimits(Rate(1e-9, 1), AMPLE, lambda: 0.0)
    first, second = uuid4(), uuid4()
    senders.take(first, 1)
    senders.take(second, 1)
    with pytest.raises(SlowDownError):
        senders.take(first, 1)
    senders.take(uuid4(), 1)
    with pytest.raises(SlowDownError):
        senders.take(first, 1)
    senders.take(second, 1)
