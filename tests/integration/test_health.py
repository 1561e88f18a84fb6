"""What the ledger, HDFS and Kafka say of the last week, on the real servers; causes are planted and taken away."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text
from tests.support.databases import Database
from tests.support.outcomes import Outcomes
from tests.support.pipeline import Pipeline

from photo_pipeline.adapters.kafka.backlog import KafkaBacklog
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.health import PostgresHealth, PostgresVolumes
from photo_pipeline.adapters.postgres.notices import PostgresNoticeBook
from photo_pipeline.adapters.postgres.photos_page import PostgresLedgerView
from photo_pipeline.adapters.webhdfs import WebHdfsNamespace
from photo_pipeline.domain.health import DiskSpace, room_left, unusual, volumes_left
from photo_pipeline.domain.notices import Condition, NoticeKind
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.operations.health import Seen, concerns

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class Ledger:
    """A ledger to plant causes in, and its health as the Photos page's role reads it."""

    outcomes: Outcomes
    health: PostgresHealth
    offset: int = 0

    def plant(self, records: int, outcome: str, customer: str = "Ada", *, ago: timedelta, waited: float = 1) -> None:
        """So many outcomes of one time, each of which waited for so many seconds."""
        at = datetime.now(UTC) - ago
        for _ in range(records):
            self.outcomes.record(
                self.offset,
                outcome,
                customer_id=self.outcomes.customer(customer),
                processed_at=at,
                accepted_at=at - timedelta(seconds=waited),
            )
            self.offset += 1
        self.outcomes.connection.commit()

    def unusual(self) -> list[str]:
        """What is not as usual, and customers by their names."""
        names = {str(customer_id): name for name, customer_id in self.outcomes.customers.items()}
        words = [each.subject.split() for each in unusual(self.health.health())]
        return [" ".join(names.get(word, word) for word in each) for each in words]

    def __call__(self, statement: str, **values: object) -> None:
        """Change something as the owner."""
        self.outcomes.connection.execute(text(statement), values)
        self.outcomes.connection.commit()


@pytest.fixture
def connected(database: Database) -> Iterator[Callable[[str], Engine]]:
    """Give engines by the role's name."""
    engines: list[Engine] = []

    def connect(role: str) -> Engine:
        engines.append(make_engine(getattr(database, role), "tests"))
        return engines[-1]

    yield connect
    for engine in engines:
        engine.dispose()


@pytest.fixture
def owner(connected: Callable[[str], Engine]) -> Iterator[Connection]:
    """Give a connection that may do anything."""
    with connected("owner").connect() as connection:
        yield connection


@pytest.fixture
def ledger(connected: Callable[[str], Engine], owner: Connection) -> Ledger:
    """An empty ledger."""
    return Ledger(Outcomes(owner), PostgresHealth(connected("bi")))


def test_rejects_and_customers_that_are_hit(ledger: Ledger) -> None:
    """A usual week is well; what is planted is seen, and is gone when others' photos outweigh it or it is undone."""
    for days in range(1, 6):
        ledger.plant(25, "duplicate", "Grace", ago=days * DAY)
    assert ledger.unusual() == []
    ledger.plant(30, "duplicate", "Grace", ago=timedelta(minutes=1))
    ledger.plant(20, "rejected", "Ada", ago=timedelta(minutes=1))
    assert ledger.unusual() == ["rejects", "customer Ada refused"]
    ledger("UPDATE ingest_record SET outcome = 'duplicate', reason = NULL WHERE outcome = 'rejected'")
    assert ledger.unusual() == []
    ledger.plant(20, "duplicate", "Ada", ago=timedelta(minutes=1), waited=1800)
    assert ledger.unusual() == ["customer Ada waiting"]
    ledger.plant(40, "duplicate", "Ada", ago=timedelta(seconds=1))
    assert ledger.unusual() == []


def test_the_week_equals_sql(ledger: Ledger, connected: Callable[[str], Engine]) -> None:
    """Hours of a week, what was done lately, and the archive's bytes by when they leave; both roles see the same."""
    ledger.plant(3, "rejected", ago=timedelta(minutes=1))
    ledger.plant(2, "duplicate", "Grace", ago=2 * DAY)
    ledger.plant(9, "duplicate", ago=9 * DAY)
    ledger(
        "INSERT INTO shard (path, dt, length, photos, committed_at, kind) VALUES "
        "('a', current_date, 100, 1, now(), 'archive'), ('b', current_date, 50, 1, now(), 'hold'), "
        "('c', current_date - 3, 7, 1, now() - interval '3 days', 'archive')"
    )
    found = ledger.health.health()
    assert [(each.records, each.rejected) for each in found.hours] == [(2, 0), (3, 3)]
    assert found.done == 3
    assert found.archived == 100
    leaving = [(each.bytes, each.at and round((each.at - found.now) / HOUR)) for each in found.leaving]
    assert sorted(leaving, key=str) == [(100, 170), (50, None), (7, 98)]
    assert PostgresHealth(connected("pipeline")).health().hours == found.hours


def test_a_disk_that_fills_is_seen_and_one_that_is_gone_forgotten(
    ledger: Ledger, connected: Callable[[str], Engine]
) -> None:
    """By two readings of a day; readings are kept for two days."""
    book = PostgresVolumes(connected("api"))
    book.note("the uploads", DiskSpace(1000, 500))
    ledger("UPDATE volume_reading SET taken_at = now() - interval '12 hours'")
    book.note("the uploads", DiskSpace(1000, 300))
    (found,) = volumes_left(ledger.health.health().volumes)
    assert found.text == "30% of the disk space of the uploads is free, full in 0.8 days at the present rate"
    book.note("the uploads", DiskSpace(1000, 900))
    assert list(volumes_left(ledger.health.health().volumes)) == []
    ledger("UPDATE volume_reading SET taken_at = now() - interval '49 hours'")
    assert ledger.health.health().volumes == []
    book.note("another", DiskSpace(1000, 900))
    readings = ledger.outcomes.connection.execute(text("SELECT volume FROM volume_reading")).all()
    assert [row.volume for row in readings] == ["another"]


def test_what_the_watch_has_found_stands_on_the_page(connected: Callable[[str], Engine]) -> None:
    """Clocks that are apart, from the notice until it is over."""
    book, view = PostgresNoticeBook(connected("pipeline")), PostgresLedgerView(connected("bi"))

    def said() -> list[str]:
        return [each.text for each in concerns(Seen(view.overview(), [], 0, []), datetime.now(UTC))]

    book.note(NoticeKind.LATENESS, [Condition("clocks", "clocks are apart: B is ahead. See docs/operations.md#x")])
    assert said() == ["Clocks are apart: B is ahead."]
    book.end_others(NoticeKind.LATENESS, [])
    assert said() == []


def test_hdfs_says_what_room_it_has(pipeline: Pipeline) -> None:
    """All copies counted; today's archive is no concern for a disk with room."""
    namespace = WebHdfsNamespace(pipeline.webhdfs, pipeline.settings.hdfs.root)
    namespace.ensure_folders()
    room = namespace.room()
    assert 0 < room.remaining <= room.capacity
    assert room.copies >= 1
    engine = make_engine(pipeline.database.pipeline, "tests")
    list(room_left(room, PostgresHealth(engine).health()))
    engine.dispose()


def test_a_backlog_that_nobody_works_on(pipeline: Pipeline) -> None:
    """What came lately is counted by Kafka's own times; the backlog is over once it is done."""
    customer = pipeline.sign_up()
    pipeline.send(customer, *(b"photo %d" % number for number in range(25)))
    where = TopicPartition(pipeline.settings.topics.uploaded, 0)
    backlog = KafkaBacklog(pipeline.settings.kafka, pipeline.settings.topics.incoming)
    now = datetime.now(UTC) + timedelta(seconds=2)
    assert backlog.waiting([], now)[where].came == 25
    assert backlog.waiting([], now + HOUR)[where].came == 0
