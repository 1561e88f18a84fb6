"""Makes logs as the ledger knows them."""

from typing import Any

from photo_pipeline.domain.logs import KnownLog, LogState
from photo_pipeline.domain.photo import Log, TopicPartition


def known_log(
    where: TopicPartition, next_offset: int, *, incarnation: int = 1, topic_id: str | None = None, **facts: Any
) -> KnownLog:
    """A log that is current and was read from its beginning, unless the facts say otherwise."""
    log = Log(where.topic, where.partition, incarnation, topic_id)
    return KnownLog(**{"log": log, "state": LogState.CURRENT, "first_offset": 0, "next_offset": next_offset, **facts})
