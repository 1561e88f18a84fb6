"""Marking: a shard whose time is nearly over is announced, with when that is by the younger of two stamps."""

import logging
from datetime import datetime

from photo_pipeline.domain.clocks import duration
from photo_pipeline.domain.removal import DueShard, Look, Removal, ShardStamps
from photo_pipeline.domain.retention import RetentionPolicy
from photo_pipeline.use_cases.retention.run_values import RetentionPorts, RetentionSummary

logger = logging.getLogger(__name__)

NAMED = 10
"""How many disputed shards a message names."""


def mark_shards(ports: RetentionPorts, look: Look, policy: RetentionPolicy, summary: RetentionSummary) -> list[str]:
    """Mark what will be due soon; shards of whose age the witnesses say different things, if their rows say too old."""
    _restamp(ports, look, policy, summary)
    for stamps in ports.ledger.unmarked(policy.marked_before(look.now), look.now + policy.tolerance):
        kept_until = stamps.kept_until(_second_witness(ports, stamps), look.now, policy)
        ports.ledger.mark(stamps.shard_id, look.now, kept_until)
        summary.marked += 1
        logger.info("marked shard=%d kept_until=%s", stamps.shard_id, kept_until.isoformat())
    return _settle_disputes(ports, look, policy)


def _second_witness(ports: RetentionPorts, stamps: ShardStamps) -> datetime | None:
    """HDFS knows when a file was completed, just before its commit; for a copy, Kafka knows its youngest photo."""
    return ports.archive.written_at(stamps.path) if stamps.is_first else stamps.accepted_at


def _restamp(ports: RetentionPorts, look: Look, policy: RetentionPolicy, summary: RetentionSummary) -> None:
    """A commit that lies in the future was stamped by a clock that was ahead. It was made by now, if its file was."""
    future = look.now + policy.tolerance
    for stamps in ports.ledger.stamped_after(future):
        written_at = ports.archive.written_at(stamps.path)
        if written_at is not None and written_at <= future:
            ports.ledger.restamp(stamps.shard_id, future, look.now)
            summary.restamped += 1
            logger.warning(
                "shard=%d was committed in the future, %s: counts from now on",
                stamps.shard_id,
                stamps.committed_at.isoformat(),
            )


def _settle_disputes(ports: RetentionPorts, look: Look, policy: RetentionPolicy) -> list[str]:
    disputed = ports.ledger.disputed(policy.committed_before(look.now) - policy.margin, look.now)
    if not disputed:
        return []
    if ports.book.permitted(Removal.AGES, look.name, look.now) >= len(disputed):
        for shard in disputed:
            ports.ledger.mark(shard.shard_id, look.now, shard.committed_at + policy.lifetime)
            logger.warning("shard=%d is as old as its row says: an operator has said so", shard.shard_id)
        return []
    named = [_sentence(shard, policy) for shard in disputed[:NAMED]]
    more = [f"and {len(disputed) - NAMED} more shards"] if len(disputed) > NAMED else []
    return named + more


def _sentence(shard: DueShard, policy: RetentionPolicy) -> str:
    difference = shard.kept_until - policy.lifetime - shard.committed_at
    return (
        f"{shard.path} is {duration(difference)} younger by its file, or its photos, than its row says: kept until "
        f"{shard.kept_until:%Y-%m-%d %H:%M} UTC unless photo_removal_permit says that the row is right"
    )
