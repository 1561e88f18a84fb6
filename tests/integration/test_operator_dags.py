"""``photo_reconcile``, ``photo_reprocess``, ``photo_hold`` as Airflow runs them: wiring, skipping, how a run ends."""

from datetime import UTC, datetime, timedelta

from tests.support.dag_runs import DagRuns
from tests.support.reconciliation import Reconciled, photo

from photo_pipeline.domain.events import OutboundRecord


def window() -> dict[str, str]:
    """Everything until tomorrow."""
    now = datetime.now(UTC)
    return {"from": (now - timedelta(days=1)).isoformat(), "to": (now + timedelta(days=1)).isoformat()}


def test_reconcile_ends_as_its_findings_say(world: Reconciled, dags: DagRuns) -> None:
    """Green where all is well; red, with every finding in the last task's one line and no retry, where it is not."""
    world.ingest(photo(1))
    well = dags.run("photo_reconcile")
    assert well.succeeded, well.log[-5000:]
    assert world.pipeline.rows("SELECT count(DISTINCT check_name), min(status), max(status) FROM reconciliation") == [
        (12, "ok", "ok")
    ]
    path = world.shard()
    world.pipeline.webhdfs.delete(path)
    damaged = dags.run("photo_reconcile")
    assert not damaged.succeeded
    assert f"archive_shards: {path}: the file is missing" in damaged.log
    assert "UP_FOR_RETRY" not in damaged.log
    assert world.pipeline.rows("SELECT DISTINCT subject FROM reconciliation WHERE check_name = 'archive_shards'") == [
        (path,),
        (None,),
    ]


def test_reprocess_derives_again(world: Reconciled, dags: DagRuns) -> None:
    """The form's window is derived again, the other mode's task is skipped, and the run is green."""
    world.ingest(photo(1), photo(2))
    run = dags.run("photo_reprocess", {"mode": "renditions", **window()})
    assert run.succeeded, run.log[-5000:]
    assert world.pipeline.rows("SELECT s.kind, count(*) FROM photo JOIN shard s USING (shard_id) GROUP BY 1") == [
        ("reprocess", 2)
    ]
    assert world.pipeline.rows("SELECT mode FROM reprocess_request") == [("renditions",)]
    assert world.findings() == []


def test_reprocess_feeds_again(world: Reconciled, dags: DagRuns) -> None:
    """Dead letters are fed, nothing is derived, and the run is green."""
    world.pipeline.produce(OutboundRecord(world.pipeline.settings.topics.streamed, b"key", b"noise", []))
    world.pipeline.ingest()
    run = dags.run("photo_reprocess", {"mode": "dead_letters", "reason": "not_a_cloudevent", **window()})
    assert run.succeeded, run.log[-5000:]
    world.pipeline.ingest()
    assert world.pipeline.rows("SELECT outcome, reason, count(*) FROM ingest_record GROUP BY 1, 2") == [
        ("rejected", "not_a_cloudevent", 2)
    ]


def test_reprocess_refuses_what_cannot_be_meant(dags: DagRuns) -> None:
    """A window that ends before it begins passes the form's types; the first task names it and nothing runs."""
    backwards = {"from": window()["to"], "to": window()["from"]}
    run = dags.run("photo_reprocess", {"mode": "renditions", **backwards})
    assert not run.succeeded
    assert "invalid request: from" in run.log
    assert dags.pipeline.rows("SELECT count(*) FROM reprocess_request") == [(0,)]


def test_a_hold_is_set_and_lifted(world: Reconciled, dags: DagRuns) -> None:
    """A photo's id, a reason and a name are enough; lifting asks for the same photo."""
    world.ingest(photo(1))
    ((photo_id,),) = world.pipeline.rows("SELECT photo_id::text FROM photo")
    placed = dags.run("photo_hold", {"photo_id": photo_id, "reason": "case 7", "by": "counsel"})
    assert placed.succeeded, placed.log[-5000:]
    holds = "SELECT photo_id::text, reason, placed_by, lifted_at IS NULL FROM hold"
    assert world.pipeline.rows(holds) == [(photo_id, "case 7", "counsel", True)]
    lifted = dags.run("photo_hold", {"action": "lift", "photo_id": photo_id, "by": "counsel"})
    assert lifted.succeeded, lifted.log[-5000:]
    assert world.pipeline.rows(holds) == [(photo_id, "case 7", "counsel", False)]


def test_a_photo_is_erased(world: Reconciled, dags: DagRuns) -> None:
    """A photo's id, a reason and a name are enough; the proof is kept, and nothing else of the photo."""
    world.ingest(photo(1), photo(2))
    ((photo_id,),) = world.pipeline.rows("SELECT photo_id::text FROM photo LIMIT 1")
    run = dags.run("photo_erase", {"photo_id": photo_id, "reason": "case 7", "by": "counsel"})
    assert run.succeeded, run.log[-5000:]
    kept = "SELECT subject, reason, asked_by, proof IS NOT NULL, (SELECT count(*) FROM photo) FROM erasure"
    assert world.pipeline.rows(kept) == [("photo", "case 7", "counsel", True, 1)]
    assert str(photo_id) not in world.pipeline.read_file(world.shard()).decode(errors="replace")
    assert dags.told("photo_erase") == {
        "photo_ledger": {"photos": 1, "records": 1},
        "photo_archive": {"rewritten": 1, "retired": 0, "untouched": 0},
        "photo_search": {"documents": 1},
    }
    assert world.findings() == []


def test_much_goes_at_once_by_permit_only(world: Reconciled, dags: DagRuns) -> None:
    """All there is came due, and no run has been before: red at once, with the number that a permit has to name."""
    world.ingest(photo(1))
    age = timedelta(days=10)
    at = int((datetime.now(UTC) - age).timestamp() * 1000)
    world.pipeline.webhdfs.set_times(world.shard(), access_time=at, modification_time=at)
    world.pipeline.execute("UPDATE shard SET committed_at = committed_at - :age", age=age)
    stopped = dags.run("photo_archive_retention")
    assert not stopped.succeeded
    assert "1 of 1 shards would go at once, and there has been no run before" in stopped.log
    assert "UP_FOR_RETRY" not in stopped.log
    form = {"what": "shards", "most": 1, "reason": "we were away", "by": "operator"}
    permitted = dags.run("photo_removal_permit", form)
    assert permitted.succeeded, permitted.log[-5000:]
    world.pipeline.execute("UPDATE shard SET marked_at = marked_at - interval '1 hour'")
    run = dags.run("photo_archive_retention")
    assert run.succeeded, run.log[-5000:]
    assert world.pipeline.rows("SELECT state FROM shard") == [("removed",)]
    permit = "SELECT reason, granted_by, name, state FROM removal_permit JOIN retention_run ON used_by = name"
    ((reason, by, _, state),) = world.pipeline.rows(permit)
    assert (reason, by, state) == ("we were away", "operator", "done")
