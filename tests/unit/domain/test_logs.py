"""Which log a position belongs to: the ledger's logs against Kafka's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.support.logs import known_log

from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.logs import (
    Begins,
    Ends,
    IsCut,
    KnownLog,
    LogState,
    Problem,
    Returns,
    Seen,
    changes,
    lost_at,
    lost_unseen,
    may_lie_in,
    positions,
    troubles,
)
from photo_pipeline.domain.photo import Log, Receipt, RecordCoordinates, TopicPartition

WHERE = TopicPartition("photos.uploaded", 0)
OTHER = TopicPartition("photos.uploaded", 1)
NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, SECOND = Log("photos.uploaded", 0, 1), Log("photos.uploaded", 0, 2)


def noted(*known: KnownLog, **marks: Watermarks) -> list[object]:
    """What the ledger has to note; ``a`` and ``b`` are what Kafka has of the two partitions."""
    places = {"a": WHERE, "b": OTHER}
    return list(changes(known, {places[name]: found for name, found in marks.items()}))


class TestChanges:
    """What is noted of what Kafka has."""

    def test_what_nobody_knows_begins_where_kafka_does(self) -> None:
        """What was deleted before the platform came is not its own."""
        assert noted(a=Watermarks(7, 9, "x")) == [Begins(WHERE, "x", 7, 9)]

    def test_what_is_as_it_was_is_seen(self) -> None:
        """How far it reaches is kept, and the id where the ledger has none yet, as after an upgrade."""
        assert noted(known_log(WHERE, 5, topic_id="x"), a=Watermarks(0, 9, "x")) == [Seen(FIRST, "x", 9)]
        assert noted(known_log(WHERE, 5), a=Watermarks(0, 5, "x")) == [Seen(FIRST, "x", 5)]

    def test_another_id_is_another_log(self) -> None:
        """It is read from offset 0 on, whatever Kafka has deleted of it since: that was promised to somebody."""
        found = noted(known_log(WHERE, 5, topic_id="x"), a=Watermarks(3, 900, "y"))
        assert found == [Ends(FIRST), Begins(WHERE, "y", 0, 900)]

    def test_a_log_that_returns_shorter_was_cut(self) -> None:
        """As from an older copy of Kafka's disks: nothing of it is planned, not even once."""
        ended = known_log(WHERE, 5, topic_id="x", state=LogState.ENDED, kafka_end=9, troubled_at=NOON)
        found = Watermarks(0, 7, "x")
        assert noted(ended, a=found) == [Returns(FIRST), IsCut(FIRST, 7)]
        assert positions([ended], {WHERE: found}) == {}
        assert noted(ended, a=Watermarks(0, 9, "x")) == [Returns(FIRST)]

    def test_a_partition_that_the_new_topic_has_not_ends_too(self) -> None:
        """As where a topic is made anew with fewer partitions."""
        found = noted(known_log(WHERE, 5, topic_id="x"), known_log(OTHER, 2, topic_id="x"), a=Watermarks(0, 0, "y"))
        assert found == [Ends(FIRST), Ends(Log("photos.uploaded", 1)), Begins(WHERE, "y", 0, 0)]

    def test_a_missing_topic_changes_nothing(self) -> None:
        """It may come back as it was."""
        assert noted(known_log(WHERE, 5, topic_id="x")) == []

    @pytest.mark.parametrize(("kafka_end", "high"), [(5, 4), (None, 4), (9, 8)])
    def test_an_end_below_what_was_there_is_a_cut(self, kafka_end: int | None, high: int) -> None:
        """Below what was read, and below what was only seen: that was promised too."""
        found = noted(known_log(WHERE, 5, topic_id="x", kafka_end=kafka_end), a=Watermarks(0, high, "x"))
        assert found == [IsCut(FIRST, high)]

    def test_a_cut_stays_one(self) -> None:
        """A log that has grown again since is not whole."""
        cut = known_log(WHERE, 5, topic_id="x", state=LogState.CUT)
        assert positions([cut], {WHERE: Watermarks(0, 50, "x")}) == {}

    def test_after_a_cut_is_settled_all_that_kafka_has_is_read(self) -> None:
        """A new log of the same topic, from what Kafka holds."""
        cut = known_log(WHERE, 5, topic_id="x", state=LogState.ENDED, settled_at=NOON)
        assert noted(cut, a=Watermarks(2, 4, "x")) == [Begins(WHERE, "x", 2, 4)]

    def test_a_topic_that_comes_back_is_read_on(self) -> None:
        """As after an hour with the wrong address: its log returns, the other one's ends."""
        gone = known_log(WHERE, 5, topic_id="x", state=LogState.ENDED)
        wrong = known_log(WHERE, 1, incarnation=2, topic_id="y")
        assert noted(gone, wrong, a=Watermarks(0, 9, "x")) == [Ends(SECOND), Returns(FIRST)]
        assert positions([gone, wrong], {WHERE: Watermarks(0, 9, "x")}) == {WHERE: 5}

    def test_without_ids_nothing_is_judged_by_them(self) -> None:
        """Brokers that know none are read as ever."""
        assert noted(known_log(WHERE, 5, topic_id="x"), a=Watermarks(0, 9)) == [Seen(FIRST, None, 9)]


class TestTroubles:
    """What only an operator can settle."""

    def test_nothing_is_wrong_where_all_is_current(self) -> None:
        """Whatever waits."""
        assert troubles([known_log(WHERE, 5, topic_id="x")], {WHERE: Watermarks(0, 99, "x")}) == []

    def test_it_is_told_before_a_plan_has_noted_it(self) -> None:
        """While the ingest is paused, too."""
        known = [known_log(WHERE, 5, topic_id="x", kafka_end=7)]
        for marks, problem in (
            ({WHERE: Watermarks(0, 9, "y")}, Problem.MADE_ANEW),
            ({WHERE: Watermarks(0, 6, "x")}, Problem.CUT),
            ({}, Problem.MISSING),
        ):
            (trouble,) = troubles(known, marks)
            assert (trouble.problem, trouble.unread, trouble.next_offset) == (problem, 2, 5)

    def test_it_stays_until_it_is_settled(self) -> None:
        """Also while Kafka is away."""
        ended = known_log(WHERE, 5, topic_id="x", state=LogState.ENDED, troubled_at=NOON)
        settled = known_log(OTHER, 5, topic_id="x", state=LogState.ENDED, troubled_at=NOON, settled_at=NOON)
        assert [trouble.log for trouble in troubles([ended, settled], None)] == [FIRST]


class TestReceipts:
    """Which log a receipt's record can lie in, and when it is lost."""

    OLD = known_log(
        WHERE, 5, topic_id="x", state=LogState.ENDED, seen_at=NOON, troubled_at=NOON + HOUR, settled_at=NOON + 2 * HOUR
    )
    NEW = known_log(WHERE, 3, incarnation=2, topic_id="y", seen_at=NOON + 2 * HOUR)

    @pytest.mark.parametrize(
        ("topic_id", "accepted_at", "expected"),
        [
            ("x", NOON, [1]),
            ("y", NOON + HOUR, [2]),
            ("x", NOON + HOUR / 2, [1]),
            (None, NOON - HOUR, [1]),
            (None, NOON + HOUR / 2, [1, 2]),
            (None, NOON + 2 * HOUR, [2]),
            ("z", NOON, []),
        ],
    )
    def test_by_id_and_by_time(self, topic_id: str | None, accepted_at: datetime, expected: list[int]) -> None:
        """An old receipt has no id: it is of the log that was current when it was accepted, as far as that is known."""
        found = may_lie_in(receipt(7, accepted_at, topic_id), [self.OLD, self.NEW])
        assert [each.log.incarnation for each in found] == expected

    def test_only_what_can_be_nowhere_else_is_lost(self) -> None:
        """Settled as long as all of its logs are."""
        assert lost_at([self.OLD]) == NOON + 2 * HOUR
        assert lost_at([self.OLD, self.NEW]) is None
        assert lost_at([]) is None

    @pytest.mark.parametrize(
        ("topic_id", "accepted_at", "expected"),
        [
            ("z", NOON + HOUR / 2, NOON + 2 * HOUR),
            ("z", NOON + 2 * HOUR, None),  # it may be the next one, which no plan has seen yet
            ("z", NOON - HOUR, None),
            ("x", NOON + HOUR / 2, None),
            (None, NOON + HOUR / 2, None),
        ],
    )
    def test_a_log_that_came_and_went_unseen_is_given_up_with_the_one_before(
        self, topic_id: str | None, accepted_at: datetime, expected: datetime | None
    ) -> None:
        """A topic that was made anew twice between two plans has had a log that the ledger never knew."""
        assert lost_unseen(receipt(1, accepted_at, topic_id), [self.OLD, self.NEW]) == expected

    def test_it_is_pending_until_somebody_has_decided(self) -> None:
        """As all that is lost."""
        unsettled = replace(self.OLD, settled_at=None)
        assert lost_unseen(receipt(1, NOON + HOUR / 2, "z"), [unsettled, self.NEW]) is None


def receipt(offset: int, accepted_at: datetime, topic_id: str | None) -> Receipt:
    """A receipt for a record of the first partition."""
    at = RecordCoordinates(WHERE.topic, WHERE.partition, offset, topic_id=topic_id)
    return Receipt(UUID(int=1), "0" * 64, at, accepted_at)


@pytest.mark.parametrize("name", ["photos.uploaded-0-7", "photos.uploaded~2-0-7", "a-b-3-4"])
def test_a_records_name_says_its_log(name: str) -> None:
    """Later logs of a name have a mark that no topic's name can have; the first one's records are called as ever."""
    assert str(RecordCoordinates.parse(name)) == name
