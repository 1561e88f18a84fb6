"""Two lanes into each topic, so that nobody's photos stand behind another customer's flood.

A log is worked off in its order, so fairness begins with where a photo is written. A few of a topic's partitions are
the bulk lane: what a customer sends beyond their share goes there. The others are for everybody.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

from photo_pipeline.domain.photo import TopicPartition


class Lane(StrEnum):
    """Where a photo waits."""

    NORMAL = "normal"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Lanes:
    """How a topic's partitions are shared out. Whoever writes and whoever plans must agree on the share.

    The bulk lane is the first partitions: where others are added, it begins where it began, and has more.

    Attributes:
        bulk_share: of a topic's partitions, so many are the bulk lane: at least one of two or more; with 0, none.
        bulk_slices: how many slices of that lane are worked on at a time.
    """

    bulk_share: float = 0.0
    bulk_slices: int = 1

    def bulk_partitions(self, partitions: int) -> int:
        """How many of a topic's partitions are the bulk lane."""
        if not self.bulk_share or partitions <= 1:
            return 0
        return min(max(1, int(partitions * self.bulk_share)), partitions - 1)

    def partition_for(self, lane: Lane, key: bytes, partitions: int) -> int:
        """Where a record of this lane goes; the same key always to the same place."""
        bulk = self.bulk_partitions(partitions)
        if lane is Lane.BULK and bulk:
            return crc32(key) % bulk
        return bulk + crc32(key) % (partitions - bulk)

    def of(self, everywhere: Iterable[TopicPartition]) -> Mapping[TopicPartition, Lane]:
        """The lane of each of these, which are all partitions of their topics."""
        known = list(everywhere)
        partitions = Counter(each.topic for each in known)
        bulk = {topic: self.bulk_partitions(count) for topic, count in partitions.items()}
        return {each: Lane.BULK if each.partition < bulk[each.topic] else Lane.NORMAL for each in known}


ONE_LANE = Lanes()
"""Where all partitions are for everybody."""
