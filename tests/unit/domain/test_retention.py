"""The archive's names: who wrote a file is read from its name alone, and back again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.domain.erasure import Rewriting, rewrite_path, rewrite_staging_path
from photo_pipeline.domain.photo import Log
from photo_pipeline.domain.retention import (
    ClaimedShard,
    HoldFile,
    Leftover,
    ReprocessFile,
    RetentionPolicy,
    RewrittenFile,
    ShardState,
    SliceFile,
    claim_number,
    file_of,
    hold_path,
    hold_staging_path,
    leftover_kind,
)
from photo_pipeline.domain.shard import shard_path, staging_path

# What Kafka allows in a topic's name.
topics = st.from_regex(r"[a-zA-Z0-9._-]{1,40}", fullmatch=True).filter(lambda name: name not in {".", ".."})
numbers = st.integers(0, 2**63 - 1)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone beside


@given(topics, st.integers(0, 2**31 - 1), numbers, numbers, numbers)
def test_slice_files_are_known_by_their_names(topic: str, partition: int, start: int, end: int, attempt: int) -> None:
    """Whatever the topic is called, staging and final names give back partition, start and attempt."""
    topic_partition = Log(topic, partition)
    expected = SliceFile(topic_partition, start, attempt)
    assert file_of(staging_path("/photos", topic_partition, start, attempt)) == expected
    assert file_of(shard_path("/photos", date(2026, 1, 1), topic_partition, start, end, attempt)) == expected


@given(numbers, moments)
def test_hold_files_are_known_by_their_names(shard_id: int, claimed_at: datetime) -> None:
    """Staging and final names give back the shard and the claim, to the microsecond."""
    path, day = "/photos/archive/dt=2026-01-01/x.tar", date(2026, 1, 1)
    claim = ClaimedShard(shard_id, path, day, 1, claimed_at, claimed_at, claimed_at)
    expected = HoldFile(shard_id, claim_number(claimed_at))
    assert file_of(hold_staging_path("/photos", claim)) == expected
    assert file_of(hold_path("/photos", claim)) == expected


@given(topics, numbers, numbers)
def test_rewritten_files_are_known_by_their_names(topic: str, shard_id: int, attempt: int) -> None:
    """Staging and final names give back the shard and the attempt, whatever wrote the file first, however often."""
    first = shard_path("/photos", date(2026, 1, 1), Log(topic, 0, 2), 1, 2, 3)
    rewriting = Rewriting(shard_id, attempt, rewrite_path(Rewriting(7, 8, first)))
    expected = RewrittenFile(shard_id, attempt)
    assert file_of(rewrite_staging_path("/photos", rewriting)) == expected
    assert file_of(rewrite_path(rewriting)) == expected
    assert rewrite_path(rewriting).endswith(first.rpartition("/")[2])
    assert rewrite_path(rewriting).count("erased~") <= 1 + topic.count("erased~")


@pytest.mark.parametrize(
    ("state", "leftover"),
    [
        (None, Leftover.FOREIGN),
        (ShardState("live", None, "x", rewrites=4), Leftover.FOREIGN),
        (ShardState("live", None, "x", rewrites=5), Leftover.UNDER_WAY),
        (ShardState("live", None, "x", rewrites=6), Leftover.ABANDONED),
        (ShardState("removed", None, "x", rewrites=5), Leftover.ABANDONED),
    ],
)
def test_a_rewritten_file_is_abandoned_once_another_attempt_has_begun(
    state: ShardState | None, leftover: Leftover
) -> None:
    """One that this ledger has never come to was written before it was restored: nobody removes that."""
    shards = {} if state is None else {1: state}
    assert leftover_kind(RewrittenFile(1, 5), {}, shards, staged=False) is leftover


def test_a_derived_shards_file_is_abandoned_with_its_attempt() -> None:
    """Fenced off, it can never be committed; else it may be, until its source is removed."""
    states = {1: ShardState("live", None, "x", abandoned=frozenset({3}))}
    kinds = [leftover_kind(ReprocessFile(1, attempt), {}, states, staged=False) for attempt in (3, 4)]
    assert kinds == [Leftover.ABANDONED, Leftover.UNDER_WAY]


@given(moments)
def test_a_later_claim_has_a_greater_number(claimed_at: datetime) -> None:
    """A microsecond is enough to tell two claims apart."""
    assert claim_number(claimed_at + timedelta(microseconds=1)) == claim_number(claimed_at) + 1


@pytest.mark.parametrize(
    "path",
    [
        "/photos/archive/dt=2026-01-01/photos.uploaded-0-1.tar",
        "/photos/archive/dt=2026-01-01/photos.uploaded-0-1-2-3.tar.tmp",
        "/photos/_staging/photos.uploaded-0-1.tar",
        "/photos/held/dt=2026-01-01/hold-1.tar",
        "/photos/archive/README",
        "/photos/archive/-0-1-2-3.tar",
    ],
)
def test_other_names_are_nobodys(path: str) -> None:
    """A name that is none of ours says nothing about who wrote the file."""
    assert file_of(path) is None


def test_due_is_counted_from_the_commit() -> None:
    """168 hours, ten minutes for a transaction that ended later than its stamp, five for a clock that is a bit off."""
    now = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    assert now - RetentionPolicy().committed_before(now) == timedelta(hours=168, minutes=15)
