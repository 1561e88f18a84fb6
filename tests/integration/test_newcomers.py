"""Who is new: the one record that brought a customer's first photo, whatever comes later and whatever goes."""

from threading import Thread
from uuid import UUID

from sqlalchemy import Engine, text
from tests.support.databases import Database
from tests.support.outcomes import ACCEPTED_AT, Outcomes

from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.domain.documents import CommitPosition

FIRSTS = 'SELECT customer_name, "offset" FROM bi_outcome WHERE first_of_customer ORDER BY 1'
RECORDS = """
INSERT INTO ledger_record (log_id, "offset", processed_at, slice_id, customer_id, outcome)
SELECT l.log_id, :begin + c.nth - 1, now(), 1, c.id, 'processed'
  FROM partition_progress l, unnest(CAST(:customers AS uuid[])) WITH ORDINALITY c (id, nth)
 ORDER BY c.nth
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_a_customer_is_new_once(owner: Engine, database: Database) -> None:
    """With the first photo that commits: not what is refused, sent again after expiry, or was accepted earlier.

    Its record says so as long as it is there; that the customer has been here stays when its month goes.
    """
    with owner.begin() as connection:
        outcomes = Outcomes(connection)
        outcomes.record(0, customer_id=outcomes.customer("Ada"))
        first = outcomes.photo(1, "Ada")
        outcomes.photo(2, "Ada")
        outcomes.photo(3, "Grace")
        outcomes.record(4, "duplicate", customer_id=outcomes.customer("Kim"))
    with owner.begin() as connection:
        later = Outcomes(connection, outcomes.customers)
        later.expire(first)
        later.photo(5, "Ada", accepted_at=ACCEPTED_AT.replace(year=2025))
        later.record(6, "processed", customer_id=outcomes.customer("Ada"), photo_id=first)
    with owner.connect() as connection:
        assert connection.execute(text(FIRSTS)).all() == [("Ada", 1), ("Grace", 3)]
    told = _told(database)
    assert {offset for offset, is_first in told.items() if is_first} == {1, 3}
    assert len(told) == 7

    with owner.begin() as connection:
        connection.execute(text('DELETE FROM ledger_record WHERE "offset" < 5'))
        Outcomes(connection, outcomes.customers).photo(7, "Ada")
    with owner.connect() as connection:
        assert connection.execute(text(FIRSTS)).all() == []
        known = "SELECT customer_name, day FROM bi_newcomer ORDER BY 1"
        assert connection.execute(text(known)).all() == [(name, ACCEPTED_AT.date()) for name in ("Ada", "Grace")]


def test_of_two_commits_one_is_first(owner: Engine) -> None:
    """Two slices with the same new customers, each in the other order: one waits for the other, and none is undone."""
    with owner.begin() as connection:
        outcomes = Outcomes(connection)
        ids = sorted(outcomes.customer(name) for name in ("Ada", "Grace"))
        outcomes.record(0)
    other = Thread(target=_commit, args=(owner, 20, ids[::-1]))
    with owner.begin() as connection:
        connection.execute(text(RECORDS), {"begin": 10, "customers": ids})
        other.start()
        with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
            while not watching.execute(text(WAITING)).scalar_one():
                pass
    other.join()
    with owner.connect() as connection:
        assert connection.execute(text('SELECT customer_id, "offset" FROM newcomer ORDER BY "offset"')).all() == [
            (ids[0], 10),
            (ids[1], 11),
        ]
        assert connection.execute(text("SELECT count(*) FROM ledger_record WHERE outcome = 'processed'")).scalar() == 4


def _commit(owner: Engine, begin: int, customers: list[UUID]) -> None:
    with owner.begin() as connection:
        connection.execute(text(RECORDS), {"begin": begin, "customers": customers})


def _told(database: Database) -> dict[int, bool]:
    """What the sync reads: whether each record's document says so."""
    engine = make_engine(database.bi, "tests")
    rows = PostgresOutcomeSource(engine).page(CommitPosition(0), 2**62, 100)
    engine.dispose()
    return {row.coordinates.offset: row.first_of_customer for row in rows}
