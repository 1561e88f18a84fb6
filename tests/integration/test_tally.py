"""The sums of days on real PostgreSQL: each record once, counted or not yet, and for ever."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from tests.support.memory_archive import ManualClock
from tests.support.outcomes import ACCEPTED_AT, Outcomes

from photo_pipeline.adapters.postgres.audit_outcomes import PostgresOutcomeAudit
from photo_pipeline.adapters.postgres.bi import PostgresRenamings
from photo_pipeline.adapters.postgres.tally import PostgresTally
from photo_pipeline.domain.reconciliation import Figures
from photo_pipeline.use_cases.tally import TallyPorts, count_outcomes

RECORDS = 60
DAY = ACCEPTED_AT.date()
NEVER = 2**62

# What the views say, and the same of the records themselves.
SAME = {
    "bi_day": (
        "SELECT day, outcome, source, format, reject_reason, customer_id, customer_name, records, bytes FROM bi_day",
        (
            "SELECT day_of(processed_at), outcome, coalesce(source, 'none'), coalesce(format, 'none'), "
            "coalesce(reject_reason, 'none'), customer_id, customer_name, count(*), coalesce(sum(bytes), 0) "
            "FROM bi_outcome GROUP BY 1, 2, 3, 4, 5, 6, 7"
        ),
    ),
    "bi_customer_format": (
        "SELECT customer_id, customer_name, format, outcome, source, records, bytes FROM bi_customer_format",
        (
            "SELECT customer_id, customer_name, format, outcome, source, count(*), coalesce(sum(bytes), 0) "
            "FROM bi_outcome GROUP BY 1, 2, 3, 4, 5"
        ),
    ),
    "bi_megapixels": (
        "SELECT place, photos FROM bi_megapixels",
        (
            "SELECT width_bucket(megapixels, ARRAY[1, 4, 8, 12, 24, 50]::numeric[]), count(*) FROM bi_outcome "
            "WHERE outcome = 'processed' GROUP BY 1"
        ),
    ),
    "bi_file_size": (
        "SELECT place, photos FROM bi_file_size",
        (
            "SELECT width_bucket(bytes, ARRAY[1048576, 2097152, 4194304, 8388608, 16777216]::bigint[]), count(*) "
            "FROM bi_outcome WHERE outcome = 'processed' GROUP BY 1"
        ),
    ),
    "bi_source_health": (
        "SELECT source, records, duplicates, rejected FROM bi_source_health",
        (
            "SELECT coalesce(source, 'none'), count(*), count(*) FILTER (WHERE outcome = 'duplicate'), "
            "count(*) FILTER (WHERE outcome = 'rejected') FROM bi_outcome GROUP BY 1"
        ),
    ),
    "page_outcome_hour": (
        "SELECT hour, outcome, source, reason, sum(records), sum(bytes) FROM page_outcome_hour GROUP BY 1, 2, 3, 4",
        (
            "SELECT date_trunc('hour', processed_at, 'UTC'), outcome, source, reject_reason, count(*), "
            "coalesce(sum(bytes), 0) FROM bi_outcome GROUP BY 1, 2, 3, 4"
        ),
    ),
}


@pytest.fixture
def photos(owner: Engine) -> list[UUID]:
    """Outcomes of all kinds, over some days; the photos among them."""
    with owner.begin() as connection:
        return _fill(Outcomes(connection))


def _fill(outcomes: Outcomes) -> list[UUID]:
    photos = []
    for offset in range(RECORDS):
        at = ACCEPTED_AT.replace(day=1 + offset % 5)
        facts = {"accepted_at": at, "bytes": 700_000 * offset, "source": ("upload", "stream")[offset % 2]}
        if offset % 3:
            size = {"width": 1000 + 137 * offset, "format": ("jpeg", "png", "heic")[offset % 3]}
            photos.append(outcomes.photo(offset, f"Customer {offset % 7}", **facts, **size))
        elif offset % 2:
            outcomes.record(offset, "rejected", **facts)
        else:
            outcomes.record(offset, "absent", accepted_at=None, reason="no_record")
    outcomes.record(RECORDS, "duplicate", photo_id=photos[0], customer_id=outcomes.customer("Customer 1"))
    return photos


def ports(engine: Engine) -> TallyPorts:
    """What the DAG counts with."""
    return TallyPorts(PostgresTally(engine), ManualClock(ACCEPTED_AT))


def rows(engine: Engine, query: str) -> list[Any]:
    """What a query finds, in some fixed order."""
    with engine.connect() as connection:
        return sorted((tuple(row) for row in connection.execute(text(query))), key=str)


def assert_views_say_what_records_say(owner: Engine) -> None:
    """Every one of them."""
    for name, (view, records) in SAME.items():
        assert rows(owner, view) == rows(owner, records), name
    assert rows(owner, view)


def figures(engine: Engine, day: date = DAY) -> dict[UUID | None, Figures]:
    """What the search index is compared with."""
    return dict(PostgresOutcomeAudit(engine).day_figures(day, NEVER))


def true_figures(owner: Engine, day: date = DAY) -> dict[UUID | None, Figures]:
    """The same of the records themselves."""
    query = (
        "SELECT customer_id, count(*), coalesce(sum(bytes), 0), count(expired_at), sum(version) FROM bi_outcome "
        f"WHERE (uploaded_at AT TIME ZONE 'UTC')::date = '{day}' GROUP BY 1"
    )
    return {row[0]: Figures(row[1], int(row[2]), row[3], 0, int(row[4])) for row in rows(owner, query)}


@pytest.mark.parametrize("counted", [0, 1, RECORDS // 2, 10 * RECORDS])
def test_views_are_whole_however_much_is_counted(
    owner: Engine, pipeline_engine: Engine, photos: list[UUID], counted: int
) -> None:
    """What is not counted yet is read from the records, so that nobody waits for the count."""
    assert photos
    assert PostgresTally(pipeline_engine).count(counted or 1) == min(counted or 1, RECORDS + 1)
    assert_views_say_what_records_say(owner)
    assert figures(pipeline_engine) == true_figures(owner)


def test_days_outlive_their_records(owner: Engine, pipeline_engine: Engine, photos: list[UUID]) -> None:
    """Once all is counted, the records may go; of an expired photo, the camera stays a figure without its owner."""
    assert photos
    assert count_outcomes(ports(pipeline_engine)).slices == RECORDS + 1
    before = {name: rows(owner, view) for name, (view, _) in SAME.items()}
    latency, cameras = rows(owner, "SELECT * FROM bi_latency"), rows(owner, "SELECT * FROM bi_camera")
    with owner.begin() as connection:
        for photo_id in photos:
            Outcomes(connection).expire(photo_id)
        connection.execute(text("TRUNCATE ledger_record, ledger_state"))
    assert {name: rows(owner, view) for name, (view, _) in SAME.items()} == before
    assert rows(owner, "SELECT * FROM bi_latency") == latency
    assert rows(owner, "SELECT * FROM bi_camera") == cameras
    assert cameras == [("Canon EOS R6", len(photos), cameras[0][2])]


def test_sums_follow_what_happens_to_photos(owner: Engine, pipeline_engine: Engine, photos: list[UUID]) -> None:
    """Expiries and a new name, before the count and after it: the sums are those of the records all the same."""
    PostgresTally(pipeline_engine).count(RECORDS // 2)
    for chosen in (photos[::3], photos[1::3]):
        with owner.begin() as connection:
            for photo_id in chosen:
                Outcomes(connection).expire(photo_id)
            connection.execute(text("UPDATE customer SET display_name = display_name || '!'"))
        while PostgresRenamings(pipeline_engine).follow(RECORDS):
            pass
        assert figures(pipeline_engine) == true_figures(owner)
        count_outcomes(ports(pipeline_engine))
        assert figures(pipeline_engine) == true_figures(owner)
    assert rows(owner, "SELECT count(*) FROM accepted_change") == [(0,)]


def test_what_the_sync_has_not_read_is_pending(pipeline_engine: Engine, photos: list[UUID]) -> None:
    """Where everything is new, all of a day's records are; where nothing is, none."""
    assert photos
    audit = PostgresOutcomeAudit(pipeline_engine)
    assert {each.pending - each.documents for each in audit.day_figures(DAY, 0).values()} == {0}
    assert {each.pending for each in audit.day_figures(DAY, NEVER).values()} == {0}


def test_several_count_at_once_and_nothing_twice(owner: Engine, pipeline_engine: Engine, photos: list[UUID]) -> None:
    """While others count, expire and rename: no deadlock, and each slice in its day once."""

    def count(_: int) -> int:
        return sum(PostgresTally(pipeline_engine).count(3) for _ in range(30))

    def change(number: int) -> int:
        for photo_id in photos[number::2]:
            with owner.begin() as connection:
                Outcomes(connection).expire(photo_id)
            PostgresTally(pipeline_engine).gather()
        return 0

    with ThreadPoolExecutor(4) as threads:
        counted = [threads.submit(count, 0), threads.submit(count, 1)]
        changed = [threads.submit(change, 0), threads.submit(change, 1)]
        assert sum(each.result() for each in counted) == RECORDS + 1
        assert sum(each.result() for each in changed) == 0
    assert_views_say_what_records_say(owner)
    assert figures(pipeline_engine) == true_figures(owner)


def test_a_day_is_read_through_an_index(owner: Engine, photos: list[UUID]) -> None:
    """A date filter on the analysts' views reads that day's sums, not all of them."""
    assert photos
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        for view in ("bi_day", "bi_day_health"):
            query = text(f"EXPLAIN SELECT * FROM {view} WHERE day >= '{datetime.now(UTC):%Y-%m-%d}'")
            plan = "\n".join(row[0] for row in connection.execute(query))
            assert "Index Cond: (day >= '" in plan
            assert "Seq Scan on outcome_day" not in plan
            assert "Seq Scan on latency_day" not in plan
