"""What is said of a receipt, by the rows at its position and the logs of its topic."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.support.logs import known_log

from photo_pipeline.adapters.postgres.receipts import status_of
from photo_pipeline.domain.gallery import ReceiptState
from photo_pipeline.domain.logs import KnownLog, LogState
from photo_pipeline.domain.photo import Receipt, RecordCoordinates, TopicPartition

WHERE = TopicPartition("photos.uploaded", 0)
NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ended(settled_at: datetime | None) -> KnownLog:
    """A log that was read to its end and is over."""
    return known_log(
        WHERE, 40, topic_id="x", state=LogState.ENDED, seen_at=NOON, troubled_at=NOON + 2 * HOUR, settled_at=settled_at
    )


def test_a_photo_in_a_log_that_no_plan_has_seen_is_lost_once_that_is_settled() -> None:
    """Made anew twice between two plans: nobody will ever read it, and its sender hears that."""
    now = known_log(WHERE, 10, incarnation=2, topic_id="z", seen_at=NOON + 6 * HOUR)
    at = RecordCoordinates(WHERE.topic, WHERE.partition, 3, topic_id="y")
    receipt = Receipt(UUID(int=1), "0" * 64, at, NOON + HOUR)
    assert status_of(receipt, [], [ended(None), now], None).state is ReceiptState.PENDING
    status = status_of(receipt, [], [ended(NOON + 5 * HOUR), now], None)
    assert (status.state, status.reason, status.processed_at) == (ReceiptState.LOST, "log_lost", NOON + 5 * HOUR)
