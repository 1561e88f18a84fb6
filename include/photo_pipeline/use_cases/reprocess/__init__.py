"""Reprocess: derive the renditions of a window again with today's code, or feed its dead letters again.

Both can be killed at any instruction and run again under the same request: a photo is replaced once, a record is fed
once.
"""

from photo_pipeline.use_cases.reprocess.dead_letters import (
    FeedLimits,
    FeedPorts,
    FeedSummary,
    feed_dead_letters,
)
from photo_pipeline.use_cases.reprocess.renditions import (
    RederivePorts,
    RederiveSummary,
    clean_up,
    plan_chunks,
    rederive_shards,
)

__all__ = [
    "FeedLimits",
    "FeedPorts",
    "FeedSummary",
    "RederivePorts",
    "RederiveSummary",
    "clean_up",
    "feed_dead_letters",
    "plan_chunks",
    "rederive_shards",
]
