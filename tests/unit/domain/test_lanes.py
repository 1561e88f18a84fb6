"""Two lanes into a topic: which partitions they are, and where a record goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.domain.lanes import ONE_LANE, Lane, Lanes
from photo_pipeline.domain.photo import TopicPartition

SHARES = st.floats(0.01, 0.5)


@pytest.mark.parametrize(("partitions", "bulk"), [(1, 0), (2, 1), (3, 1), (6, 1), (8, 2), (12, 3)])
def test_a_quarter_is_the_bulk_lane(partitions: int, bulk: int) -> None:
    """At least one partition where there are two; none where there is one."""
    assert Lanes(0.25).bulk_partitions(partitions) == bulk


def test_without_a_share_there_is_one_lane() -> None:
    """Every photo may go anywhere, as Kafka's own client would choose."""
    assert ONE_LANE.bulk_partitions(6) == 0
    assert {ONE_LANE.partition_for(Lane.BULK, bytes([key]), 6) for key in range(100)} == set(range(6))


@given(SHARES, st.integers(1, 40), st.binary(), st.sampled_from(list(Lane)))
def test_who_writes_and_who_plans_agree(share: float, partitions: int, key: bytes, lane: Lane) -> None:
    """A record lies in a partition of its lane, if there are two; one key always in the same."""
    lanes = Lanes(share)
    chosen = lanes.partition_for(lane, key, partitions)
    assert chosen == lanes.partition_for(lane, key, partitions)
    lane_of = lanes.of(TopicPartition("photos.uploaded", number) for number in range(partitions))
    found = lane_of[TopicPartition("photos.uploaded", chosen)]
    assert found is (lane if partitions > 1 else Lane.NORMAL)


@given(SHARES, st.integers(2, 40), st.integers(0, 40))
def test_more_partitions_move_no_flood(share: float, partitions: int, more: int) -> None:
    """What waits in the bulk lane is there still when partitions are added to a topic."""
    assert Lanes(share).bulk_partitions(partitions + more) >= Lanes(share).bulk_partitions(partitions)


def test_each_topic_has_its_own() -> None:
    """Topics may differ in their partitions."""
    where = [TopicPartition("a", 0), *(TopicPartition("b", number) for number in range(4))]
    bulk = [each for each, lane in Lanes(0.25).of(where).items() if lane is Lane.BULK]
    assert bulk == [TopicPartition("b", 0)]
