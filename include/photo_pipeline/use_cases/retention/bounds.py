"""How much this run may remove: what has come due since the last one, and a share more where that was long ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from photo_pipeline.domain.removal import DueBy, DueShard, Look, Profile, Removal, window_after
from photo_pipeline.domain.retention import RetentionPolicy
from photo_pipeline.use_cases.retention.run_values import RetentionPorts


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run goes by.

    Attributes:
        by: the times at which something must have been due, and marked.
        due: the shards that go.
        leaves_nothing: whether these are all whose time is over.
        rows_before: rows from this time or before have lost their time too; ``None`` where none has.
    """

    by: DueBy
    due: Sequence[int]
    leaves_nothing: bool
    rows_before: datetime | None


def bounds_of(ports: RetentionPorts, look: Look, policy: RetentionPolicy) -> Bounds:
    """Look at what is due before any of it goes.

    Raises:
        MassRemovalError: when it is more than an outage explains, and nobody has permitted it.
    """
    by = DueBy(kept_until=look.now, marked_at=look.now - policy.wait)
    since = ports.book.removed_until(look.now, look.now + policy.tolerance)
    window = window_after(since, policy)
    ages = ports.ledger.ages(by, policy.committed_before(look.now), window)
    due = ports.ledger.due(by, window)
    profile = Profile(Removal.SHARDS, ages.live, ages.unexplained, since)
    chosen = _chosen(due, _allowance(ports, look, policy, profile, is_ready=_has_unexplained(due)))
    leaves_nothing = len(chosen) == len(due) and not ages.waiting
    return Bounds(by, chosen, leaves_nothing, _rows_before(ports, look, policy))


def _has_unexplained(due: Sequence[DueShard]) -> bool:
    return any(not shard.is_explained for shard in due)


def _allowance(ports: RetentionPorts, look: Look, policy: RetentionPolicy, profile: Profile, *, is_ready: bool) -> int:
    """After an outage it goes little by little. A permit is not used up before something can go by it."""
    if not profile.is_mass(policy.most_share):
        return max(1, int(policy.share_per_run * profile.live))
    if is_ready and ports.book.permitted(profile.what, look.name, look.now) >= profile.unexplained:
        return profile.unexplained
    raise profile.too_much()


def _chosen(due: Sequence[DueShard], allowance: int) -> list[int]:
    left = iter(range(allowance))
    return [shard.shard_id for shard in due if shard.is_explained or next(left, None) is not None]


def _rows_before(ports: RetentionPorts, look: Look, policy: RetentionPolicy) -> datetime | None:
    """Rows are seen twice as well: no further than ``stride`` beyond what a run an hour ago, or longer, dealt with."""
    seen = ports.book.removed_until(look.now - policy.wait, look.now + policy.tolerance)
    if seen is None:
        return None
    before = policy.committed_before(min(look.now, seen + policy.stride))
    ages = ports.ledger.record_ages(before, window_after(seen, policy), policy.lifetime)
    _allowance(ports, look, policy, Profile(Removal.RECORDS, ages.live, ages.unexplained, seen), is_ready=True)
    return before
