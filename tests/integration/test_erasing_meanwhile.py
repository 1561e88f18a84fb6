"""What else goes on while something is erased: nobody brings it back, and each step can be the last for a while."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.event import listen
from tests.support.erasing import Erasures
from tests.support.reconciliation import Reconciled, photo
from tests.support.replicas import wait_for
from tests.support.reprocessing import Reprocessing
from tests.support.retention import Disturbance, Disturbed, Killed, kill

from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.erase import PostgresErasureLedger
from photo_pipeline.composition.ingest import ingest_ledger
from photo_pipeline.domain.erasure import EraseRequest, Subject
from photo_pipeline.domain.errors import ErasureHeldError, ErasureUnfinishedError, InvalidRequestError
from photo_pipeline.domain.photo import Source, photo_id_for, sha256_hex
from photo_pipeline.use_cases.erase import begin_erasure

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pg_blocking_pids(pid) <> '{}'"
COUNTED = {"customer", "accepted_day", "accepted_change", "outcome_day", "newcomer", "ended_session"}
"""Where the id of a customer who was erased may stand, beside the records."""


@pytest.fixture
def erasures(world: Reconciled, tmp_path: Path) -> Erasures:
    """An operator, and a key that proofs are signed with."""
    return Erasures.of(world, tmp_path)


class TestFeedingAgain:
    """Dead letters of who is erased."""

    def test_what_was_announced_before_is_not_sent_after(self, world: Reconciled, erasures: Erasures) -> None:
        """The task that had announced it died; the next one sends the other customer's, and takes that one back.

        The request itself forgets whose letters it was for, and is for nobody's from then on.
        """
        pipeline, again = world.pipeline, Reprocessing(world.pipeline)
        leaver, other = pipeline.sign_up(), pipeline.sign_up()
        for customer in (leaver, other):
            pipeline.send(customer, b"no photo")
        pipeline.ingest()
        request = again.ask_for_dead_letters()
        theirs = again.ask_for_dead_letters("theirs", customer_id=str(leaver))
        with again.feed_ports() as ports:
            dying = replace(ports, writer=Disturbed(ports.writer, "writer", Disturbance("writer.publish", kill)))
            with pytest.raises(Killed):
                again.feed_through(dying, request)
        erasures.begin(customer_id=str(leaver))
        summary = again.feed(request)
        assert (summary.fed, summary.erased) == (1, 1)
        sent = [dict(record.headers) for record in pipeline.records()]
        assert [headers["ce_subject"] for headers in sent if "ce_reprocessof" in headers] == [str(other).encode()]
        assert pipeline.rows("SELECT count(*) FROM refed_record WHERE fed_at IS NULL") == [(0,)]
        window = {"from": theirs.start.isoformat(), "to": theirs.end.isoformat()}
        with pytest.raises(InvalidRequestError, match="something else before"):
            again.ask_for_dead_letters("theirs", **window, customer_id=str(leaver))

    def test_an_erasure_waits_for_what_is_being_sent(self, world: Reconciled, erasures: Erasures) -> None:
        """So what is in Kafka by then is there for as long as the proof says, and not longer."""
        pipeline, again = world.pipeline, Reprocessing(world.pipeline)
        leaver = pipeline.sign_up()
        pipeline.send(leaver, b"no photo")
        pipeline.ingest()
        request = again.ask_for_dead_letters()
        with ThreadPoolExecutor(1) as pool:
            erasing: list[Any] = []

            def erase() -> None:
                erasing.append(pool.submit(erasures.begin, customer_id=str(leaver)))
                _wait_for_somebody(pipeline.running.owner)

            with again.feed_ports() as ports:
                slow = replace(ports, writer=Disturbed(ports.writer, "writer", Disturbance("writer.publish", erase)))
                assert again.feed_through(slow, request).fed == 1
            erasing[0].result()
        ((erased_at,),) = pipeline.rows("SELECT erased_at FROM erasure")
        assert pipeline.records()[-1].timestamp <= erased_at


class TestReaders:
    """Slices that begin while rows are being blanked."""

    def test_one_that_begins_before_the_last_row_is_waited_for(self, world: Reconciled, erasures: Erasures) -> None:
        """It has asked what was erased before that was committed: nothing is proven until its attempt is over."""
        pipeline, data = world.pipeline, photo(1)
        customer = world.ingest(data)
        pipeline.send(customer, data)
        (slice_id,) = pipeline.plan()
        gone = photo_id_for(customer, sha256_hex(data))
        with ThreadPoolExecutor(1) as pool, pipeline.running.owner.connect() as blocking:
            blocking.execute(text("LOCK TABLE notice IN SHARE MODE"))  # what an erasure blanks last
            erasing = pool.submit(erasures.begin, photo_id=str(gone))
            _wait_for_somebody(pipeline.running.owner)
            with ingest_ledger(pipeline.settings.database) as ledger:
                lease = ledger.lease(slice_id, "run", 60)
                assert lease is not None
                assert ledger.erased([gone]) == set()
            blocking.rollback()
            erasure_id = erasing.result()
        erasures.rewrite(erasure_id)
        documents = erasures.blank(erasure_id)
        with pytest.raises(ErasureUnfinishedError, match=f"slice {slice_id} was being processed"):
            erasures.prove(erasure_id, documents)
        pipeline.process(slice_id)
        erasures.prove(erasure_id, documents)
        assert erasures.named_in(gone) == []

    def test_nothing_is_proven_before_readers_are_known(self, world: Reconciled, erasures: Erasures) -> None:
        """Killed after the last row, the first task has to come to its end first."""
        customer = world.ingest(photo(1))
        request = EraseRequest("run", Subject.CUSTOMER, customer, "case 7", "counsel")
        with pytest.raises(Killed):
            _begin(world, request, 100, Disturbance("ledger.note_readers", kill))
        erasures.rewrite(1)
        with pytest.raises(ErasureUnfinishedError, match="first task"):
            erasures.prove(1)
        assert erasures.begin(customer_id=str(customer)) == 1
        erasures.prove(1, erasures.blank(1))


class TestSteps:
    """A customer with more than goes into one transaction."""

    def test_a_customer_goes_step_by_step(self, world: Reconciled, erasures: Erasures) -> None:
        """Killed in between and held in between, it goes on where it was; the account is closed from the first step on.

        In the end the customer's id stands where it is counted by, and nowhere else; the device, too, is forgotten.
        """
        pipeline = world.pipeline
        other = world.ingest(photo(20))
        leaver = pipeline.sign_up()
        pipeline.send(leaver, photo(1), b"no photo", photo(2), photo(1), photo(3))
        pipeline.ingest()
        pipeline.send(leaver, photo(4), photo(5), source=Source.STREAM)
        pipeline.ingest()
        pipeline.publish()
        pipeline.execute("UPDATE ledger_record SET device_id = gen_random_uuid()")
        pipeline.execute(
            "DELETE FROM ledger_record WHERE photo_id = :id", id=photo_id_for(leaver, sha256_hex(photo(5)))
        )
        world.sync()
        request = EraseRequest("run", Subject.CUSTOMER, leaver, "case 7", "counsel")
        with pytest.raises(Killed):
            _begin(world, request, 2, Disturbance("ledger.forget_more", kill))
        left = "SELECT count(*) FROM ledger_record WHERE customer_id = :id AND event_id IS NOT NULL"
        assert pipeline.rows(left, id=leaver) == [(4,)]
        assert pipeline.rows("SELECT closed_at IS NULL FROM customer WHERE customer_id = :id", id=leaver) == [(False,)]
        hold = "INSERT INTO hold (customer_id, reason, placed_by) VALUES (:id, 'case 9', 'counsel')"
        pipeline.execute(hold, id=leaver)
        with pytest.raises(ErasureHeldError):
            _begin(world, request, 2)
        pipeline.execute("UPDATE hold SET lifted_at = now()")
        steps = Disturbance("", kill)
        erasure_id = _begin(world, request, 2, steps)
        assert steps.calls.count("ledger.forget_more") >= 2
        assert pipeline.rows("SELECT photos, records FROM erasure") == [(6, 6)]
        erasures.rewrite(erasure_id)
        erasures.prove(erasure_id, erasures.blank(erasure_id))
        for seed in range(1, 6):
            assert erasures.named_in(photo_id_for(leaver, sha256_hex(photo(seed)))) == []
        assert pipeline.rows("SELECT customer_id FROM photo") == [(other,)]
        assert pipeline.rows("SELECT count(device_id) FROM ledger_record WHERE customer_id = :id", id=leaver) == [(0,)]
        named = {name for name in erasures.named_in(leaver) if "/" not in name and not name.startswith("t")}
        assert {name for name in named if not name.startswith("ledger_record")} <= COUNTED | {"hold"}


@pytest.mark.parametrize("after", [None, "photos.uploaded-0-30", "photos.uploaded~2-0-3"])
def test_a_page_of_documents_is_read_in_the_order_of_the_key(owner: Engine, after: str | None) -> None:
    """Nothing is sorted, and a page begins where the last one has ended: all pages together cost what they hold."""
    sent: list[tuple[str, Any]] = []
    with owner.begin() as connection:
        for statement in ERASED.split(";"):
            connection.execute(text(statement))
    listen(owner, "before_cursor_execute", lambda *call: sent.append((call[2], call[3])))
    ledger = PostgresErasureLedger(owner, {})
    page = ledger.documents(1, after, 7)
    (statement, parameters), *_ = [each for each in sent if "erasure_record" in each[0]]
    with owner.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
    assert "Sort" not in plan
    assert "Index" in plan
    names = [f"photos.uploaded-0-{n}" for n in range(40)] + [f"photos.uploaded~2-0-{n}" for n in range(40)]
    begin = 0 if after is None else names.index(after) + 1
    assert page == names[begin : begin + 7]


ERASED = """
INSERT INTO partition_progress (topic, "partition", incarnation, first_offset, next_offset, state, settled_at,
                                settled_by, settled_reason)
VALUES ('photos.uploaded', 0, 1, 0, 0, 'ended', now(), 'Grace', 'made anew'),
       ('photos.uploaded', 0, 2, 0, 0, 'current', NULL, NULL, NULL);
INSERT INTO erasure (name, subject, salt, digest, reason, asked_by) VALUES ('run', 'photo', '', '', '', '');
INSERT INTO erasure_record (erasure_id, log_id, "offset", processed_at, expires)
SELECT 1, log_id, n, now(), false FROM partition_progress, generate_series(0, 39) n;
ANALYZE erasure_record
"""


def _begin(world: Reconciled, request: EraseRequest, step_records: int, disturbance: Disturbance | None = None) -> int:
    """The first task, with steps of so many records."""
    engine = make_engine(world.pipeline.settings.database, "tests")
    ledger: Any = PostgresErasureLedger(engine, {}, step_records)
    try:
        around = ledger if disturbance is None else Disturbed(ledger, "ledger", disturbance)
        return begin_erasure(request, around, lambda: "salt")
    finally:
        engine.dispose()


def _wait_for_somebody(owner: Engine) -> None:
    """Until somebody waits for a lock."""
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        wait_for(lambda: bool(connection.execute(text(WAITING)).scalar_one()), "somebody waits", 20)
