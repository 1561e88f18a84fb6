"""A ledger of mixed outcomes with a history, and the search index of it: what the analysts' figures are tried on."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from tests.support.databases import fresh_database, superuser_of
from tests.support.horizon import wait_for_horizon
from tests.support.outcomes import Outcomes
from tests.support.search import Search, fresh_search
from tests.support.syncing import sync_ports

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.bi.answers import ask
from photo_pipeline.bi.spec import RANK_TOLERANCE, Figure, Interval, Key, Row, Scope
from photo_pipeline.use_cases.bi_sync import sync_outcomes

RECORDS = 1500
START = datetime(2026, 1, 28, 21, tzinfo=UTC)
STEP = timedelta(minutes=47)
EVERYTHING = Scope(START, START + 2 * RECORDS * STEP, Interval.DAY)
WINDOW = Scope(START + timedelta(days=3), START + timedelta(days=5), Interval.HOUR)
MONTHS = Scope(EVERYTHING.since, EVERYTHING.until, Interval.MONTH)


@dataclass(frozen=True)
class World:
    """A ledger, an index and the sync between them."""

    owner: Engine
    pipeline: Engine
    bi: Engine
    search: Search

    def sync(self, *, full: bool = False) -> None:
        """Run until the newest change is in the index."""
        source = PostgresOutcomeSource(self.bi)
        wait_for_horizon(self.owner, source)
        ports = sync_ports(self.bi, self.pipeline, self.search.index())
        sync_outcomes(ports, full=full, page_rows=400)
        self.search.index().refresh()

    def counts(self) -> dict[str, int]:
        """Records per outcome, by SQL."""
        with self.bi.connect() as connection:
            rows = connection.execute(text("SELECT outcome, count(*) FROM bi_outcome GROUP BY 1"))
            return {row[0]: row[1] for row in rows}

    def found(self, figure: Figure, scope: Scope) -> tuple[Row, ...]:
        """Elasticsearch's rows."""
        answer = ask(self.search.sync, self.search.alias, figure, scope)
        assert answer.exact
        return answer.rows


@contextmanager
def settled_world(stack: Endpoints, test_stack: Stack) -> Iterator[World]:
    """Outcomes that were synced, then updated and expired and synced, then synced from the start once more."""
    with fresh_database(stack, superuser_of(test_stack)) as database, fresh_search(stack) as search:
        owner, pipeline, bi = engines = [
            make_engine(settings, "test") for settings in (database.owner, database.pipeline, database.bi)
        ]
        search.administered().ensure_template()
        world = World(owner, pipeline, bi, search)
        with owner.begin() as connection:
            photos = _fill(Outcomes(connection))
        world.sync()
        with owner.begin() as connection:
            _change(connection, photos)
        world.sync()
        world.sync(full=True)
        yield world
        for engine in engines:
            engine.dispose()


def _fill(outcomes: Outcomes) -> list[UUID]:
    """Mixed outcomes of 30 customers, two of them with the same name, over three months; some at awkward moments."""
    random = Random(6)  # noqa: S311 - the same data in every run is what is wanted
    photos: list[UUID] = []
    for offset in range(RECORDS):
        accepted_at = _settled_at(offset) - timedelta(milliseconds=int(random.lognormvariate(8, 1)))
        source = random.choices(("upload", "stream"), (3, 2))[0]
        customer = f"Customer {int(30 * random.random() ** 2):02}"
        draw = random.random()
        if draw >= 0.2 or not photos:
            photos.append(_photo(outcomes, random, offset, customer, source=source, accepted_at=accepted_at))
        elif draw >= 0.1:
            outcomes.record(offset, "duplicate", source=source, photo_id=random.choice(photos), accepted_at=accepted_at)
        else:
            _reject(outcomes, random, offset, customer, source=source, accepted_at=accepted_at)
    outcomes.connection.execute(
        text('UPDATE ingest_record SET processed_at = :settled_at WHERE "offset" = :offset'),
        [{"offset": offset, "settled_at": _settled_at(offset)} for offset in range(RECORDS)],
    )
    outcomes.connection.execute(
        text(
            "UPDATE photo p SET processed_at = r.processed_at FROM ingest_record r "
            "WHERE r.photo_id = p.photo_id AND r.outcome = 'processed'"
        )
    )
    outcomes.connection.execute(
        text(
            "UPDATE newcomer n SET processed_at = r.processed_at FROM ledger_record r "
            'WHERE r.log_id = n.log_id AND r."offset" = n."offset"'
        )
    )
    outcomes.connection.execute(
        text("UPDATE slice s SET committed_at = r.processed_at FROM ingest_record r WHERE r.slice_id = s.slice_id")
    )
    return photos


def _settled_at(offset: int) -> datetime:
    """Spread evenly, and now and then exactly at a day's start or a moment before the next."""
    day = START.replace(hour=0) + timedelta(days=1 + offset // 50)
    return {0: day, 25: day - timedelta(microseconds=1)}.get(offset % 50, START + offset * STEP)


def _reject(outcomes: Outcomes, random: Random, offset: int, customer: str, **columns: Any) -> None:
    reason = random.choice(("truncated", "not_an_image", "unknown_customer", "corrupt"))
    if reason == "unknown_customer":
        columns |= {"source": None}
    else:
        columns |= {"customer_id": outcomes.customer(customer)}
    outcomes.record(offset, reason=reason, bytes=offset * 100, **columns)


def _photo(outcomes: Outcomes, random: Random, offset: int, customer: str, **columns: Any) -> UUID:
    facts = {
        "format": random.choices(("jpeg", "png", "heic", "webp", "avif"), (8, 4, 2, 1, 1))[0],
        "width": random.choice((1000, 4000, 6000, random.randrange(200, 9000))),
        "height": random.choice((1000, 3000, 4000, random.randrange(200, 9000))),
        "bytes": random.choice((1024 * 1024, 2 * 1024 * 1024, int(random.lognormvariate(15, 1)))),
        "camera": random.choice((None, *(f"Camera {number}" for number in range(14)))),
    }
    return outcomes.photo(offset, customer, **facts, **columns)


def _change(connection: Connection, photos: Sequence[UUID]) -> None:
    """What happens to outcomes after they were synced."""
    for photo_id in photos[::3][:200]:
        Outcomes(connection).expire(photo_id)
    connection.execute(
        text("""UPDATE ingest_record SET reason = 'corrupt' WHERE reason = 'truncated' AND "offset" < 300""")
    )
    connection.execute(text("UPDATE customer SET display_name = 'Customer 00' WHERE display_name = 'Customer 01'"))


def latencies(bi: Engine, scope: Scope, keys: Sequence[Key]) -> list[int]:
    """All latencies of a row, ascending; its only key, where it has one, is a moment."""
    bucket = "AND date_trunc(:interval, processed_at, 'UTC') = :bucket" if keys else ""
    parameters: dict[str, Any] = {"since": scope.since, "until": scope.until}
    if keys:
        parameters |= {"interval": scope.interval.value, "bucket": keys[0]}
    statement = f"SELECT latency_ms FROM bi_outcome WHERE processed_at >= :since AND processed_at < :until {bucket}"
    with bi.connect() as connection:
        return sorted(connection.execute(text(statement), parameters).scalars())


def rank_fits(numbers: Sequence[int], value: float, quantile: float, too_low: float = 0.0) -> bool:
    """Whether the value lies between the numbers of the ranks next to the quantile's, give or take the tolerance.

    It may be too low by so large a part of itself, where it stands for a step of values.
    """
    slack = max(1.0, RANK_TOLERANCE * len(numbers))
    place = quantile * (len(numbers) - 1)
    low = numbers[max(0, math.floor(place - slack))]
    high = numbers[min(len(numbers) - 1, math.ceil(place + slack))]
    return low <= (value + 1) * (1 + too_low) and value <= high if too_low else low <= value <= high
