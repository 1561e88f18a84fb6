"""Whose turn it is: the bulk lane's slices are one run's at a time, and few.

A run lasts as long as its slowest slice, and few runs are active at once. So that one of them is always free for
everybody's photos, no second run is given slices that another customer's flood may have made long.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, and_, case, func, select

from photo_pipeline.adapters.postgres.commit import OF_LOG
from photo_pipeline.adapters.postgres.logs import OPEN_SLICE
from photo_pipeline.adapters.postgres.models import PartitionProgress, Slice
from photo_pipeline.domain.lanes import Lane, Lanes
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.photo import Log, TopicPartition


def in_turn(
    connection: Connection,
    readable: Sequence[KnownLog],
    watermarks: Mapping[TopicPartition, Watermarks],
    lanes: Lanes,
    owner: str,
) -> list[KnownLog]:
    """Those of the logs of which this owner may be given slices; to be asked under the planner's lock."""
    lane_of = lanes.of(watermarks)
    normal = [each for each in readable if lane_of[each.log.topic_partition] is Lane.NORMAL]
    bulk = [each for each in readable if lane_of[each.log.topic_partition] is Lane.BULK]
    waiting = [each.log for each in bulk if watermarks[each.log.topic_partition].high > each.next_offset]
    chosen = _next_of(connection, waiting, owner)[: lanes.bulk_slices] if waiting else []
    # The bulk lane last: a slice that is planned later comes later, until it has been waiting for as long as others.
    return normal + [each for each in bulk if each.log in chosen]


def kept_waiting(worked_at: Collection[TopicPartition], lane_of: Mapping[TopicPartition, Lane]) -> set[TopicPartition]:
    """The partitions of which nobody is given a slice while these are worked on."""
    bulk = {where for where, lane in lane_of.items() if lane is Lane.BULK}
    return bulk if bulk & set(worked_at) else set()


def _next_of(connection: Connection, waiting: Sequence[Log], owner: str) -> list[Log]:
    """What the owner has already, then what failed least and was committed longest ago; none while another has any."""
    is_leased = Slice.lease_expires_at > func.now()
    statement = (
        select(
            PartitionProgress.topic,
            PartitionProgress.partition,
            PartitionProgress.incarnation,
            PartitionProgress.updated_at,
            case((is_leased, Slice.lease_owner)).label("lease_owner"),
            func.coalesce(Slice.attempt, 0).label("attempts"),
        )
        .outerjoin(Slice, and_(OF_LOG, Slice.state.in_(OPEN_SLICE)))
        .where(PartitionProgress.topic.in_({log.topic for log in waiting}))
    )
    found = {Log(*row[:3]): row for row in connection.execute(statement) if Log(*row[:3]) in waiting}
    if any(row.lease_owner not in {None, owner} for row in found.values()):
        return []
    return sorted(found, key=lambda log: (found[log].lease_owner is None, found[log].attempts, found[log].updated_at))
