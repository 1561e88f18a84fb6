"""A photo's way in words."""

from dataclasses import replace

import pytest
from tests.support.trails import (
    ADA,
    CAMERA,
    COURSE,
    HOUR,
    LOG,
    MEMBERS,
    NOW,
    PERSON,
    PHOTO,
    PLACE,
    REFUSED,
    RUN,
    TASK,
    WHERE,
    WORK,
    passage,
    photo,
)

from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.retention import KEEP, LATEST, Hold
from photo_pipeline.domain.ways import Names, Standing, Way
from photo_pipeline.operations.panels import Away
from photo_pipeline.operations.text import moment
from photo_pipeline.operations.way import Asked, WayView, waiting_view, way_view

NAMES = Names({ADA: PERSON}, {WHERE: "IMG_0001.jpg"})
ASKED = Asked(NAMES, TASK, "photos-2026.03", archive="http://hdfs/explorer.html#", dashboard="http://kibana/")
WHOLE = Way(NOW, photo(), [passage()], COURSE, MEMBERS)
HOLD = Hold(1, ADA, None, "a dispute", "Grace", NOW)


def texts(view: WayView) -> dict[str, str]:
    """What each step says."""
    return {step.name: step.text for step in view.steps}


def test_the_whole_way_is_told_in_order_with_times_and_links() -> None:
    """Received, waited, slice, worker, outcome, shard, published, indexed, and when it goes."""
    view = way_view(WHOLE, ASKED)
    names = [step.name for step in view.steps]
    ends = ["Outcome", "Shard", "Published", "Indexed", "Expires"]
    assert names == ["Received", "Waited", "Slice", "Worker", *ends]
    assert texts(view)["Received"] == "1.2 kB called IMG_0001.jpg by the upload API, of Ada (ada@example.org)"
    assert texts(view)["Worker"] == "attempt 2, by worker-3"
    addresses = {(link.to, link.address) for step in view.steps for link in step.links}
    assert {
        ("page", f"/customers/{ADA}"),
        ("page", "/slices/5"),
        ("airflow", "/dags/photo_ingest/runs/scheduled__2026-03-09T10%3A00%3A00%2B00%3A00"),
        ("airflow", TASK.path),
        ("out", "http://hdfs/explorer.html#/photos/archive/dt=2026-03-09"),
        ("out", "http://kibana/"),
    } == addresses
    assert [step.code for step in view.steps if step.code] == [str(WHERE), PLACE.path, str(WHERE)]
    assert RUN in str(view.steps[3].links)
    assert {step.at for step in view.steps[:5]} == {moment(NOW - 2 * HOUR), moment(NOW - HOUR)}


def test_byte_ranges_are_those_of_a_request() -> None:
    """From the first byte up to and with the last."""
    view = way_view(WHOLE, ASKED)
    assert [(row.kind, row.range) for row in view.members] == [("original", "512-1711"), ("web", "2048-2347")]


def test_a_reader_reads_no_name() -> None:
    """Neither a customer's nor a file's."""
    view = way_view(WHOLE, replace(ASKED, names=Names()))
    assert "Ada" not in str(view)
    assert "IMG" not in str(view)
    assert str(ADA) in str(view)


def test_a_live_photo_goes_when_its_time_has_come() -> None:
    """A week after its shard's commit, two hours later at the latest; held, not before that ends."""
    due = PLACE.committed_at + KEEP
    expires = way_view(WHOLE, ASKED).steps[-1]
    assert (expires.at, expires.state) == (moment(due), "ahead")
    assert moment(due + LATEST) in expires.text
    held = way_view(replace(WHOLE, holds=[HOLD]), ASKED)
    assert "a dispute" in texts(held)["Held"]
    assert "lifted" in texts(held)["Expires"]
    assert "held" in held.lead


def test_where_a_photo_has_gone_is_said() -> None:
    """Removed, or in its customer's bin."""
    gone = way_view(replace(WHOLE, photo=photo(status="expired", expired_at=NOW, place=None), members=()), ASKED)
    assert gone.steps[-1].name == "Removed"
    assert gone.lead.startswith("It was removed")
    binned = way_view(replace(WHOLE, photo=photo(binned_at=NOW)), ASKED)
    assert [step.name for step in binned.steps[-2:]] == ["In the bin", "Expires"]


def test_a_refused_record_has_a_way_too() -> None:
    """From which device, why it ended, and where something can be done about it."""
    view = way_view(Way(NOW, None, [REFUSED], replace(COURSE, told=None, refed_at=NOW)), ASKED)
    assert view.title == "Record photos.streamed-0-4"
    assert f"device {CAMERA}" in texts(view)["Received"]
    assert "The photo is cut off" in texts(view)["Outcome"]
    assert "ends early" in texts(view)["Outcome"]
    assert "photos.rejected" in texts(view)["Published"]
    assert "Fed again" in texts(view)
    assert view.refused == "/rejected/photos.streamed/0/4"
    assert "Shard" not in texts(view)


def test_a_place_that_never_held_a_record_says_so() -> None:
    """A hole in a log has an outcome too, and nothing was received or indexed of it."""
    hole = passage(outcome="absent", reason="no_record", source=None, photo_id=None, customer_id=None, accepted_at=None)
    view = way_view(Way(NOW, None, [hole], replace(COURSE, told=None)), ASKED)
    assert "no record" in texts(view)["Received"]
    assert "never" in texts(view)["Indexed"]
    assert "Waited" not in texts(view)


@pytest.mark.parametrize(
    ("index", "synced", "words"),
    [
        ("photos-2026.03", True, "a document of photos-2026.03"),
        ("photos-2026.03", False, "its last change is not there yet"),
        (None, False, "not yet"),
        (None, True, "see photo_reconcile"),
        (Away("Elasticsearch", "Elasticsearch does not answer"), True, "by the ledger all of it had been sent"),
    ],
)
def test_whether_analysts_see_it_is_said(index: str | Away | None, synced: bool, words: str) -> None:  # noqa: FBT001 - a case
    """By the search index itself, and by the ledger where that is away."""
    view = way_view(replace(WHOLE, course=replace(COURSE, synced=synced)), replace(ASKED, index=index))
    assert words in texts(view)["Indexed"]


def test_a_task_that_is_not_known_takes_nothing_else_with_it() -> None:
    """Airflow's database is away, it forgot, or an older release noted no run."""
    away = way_view(WHOLE, replace(ASKED, task=Away("Airflow's database", "Airflow's database does not answer")))
    assert "does not answer" in texts(away)["Worker"]
    assert "knows no task" in texts(way_view(WHOLE, replace(ASKED, task=None)))["Worker"]
    old = replace(COURSE, work=replace(WORK, run_id=None))
    assert "older release" in texts(way_view(replace(WHOLE, course=old), replace(ASKED, task=None)))["Worker"]


@pytest.mark.parametrize(
    ("standing", "offset", "words"),
    [
        (
            Standing(NOW, 3, 12, 20, "current", None),
            15,
            "It waits in Kafka, with 3 records of photos.uploaded-0 before it",
        ),
        (Standing(NOW, 3, 12, 20, "current", None), 4711, "or does not exist"),
        (Standing(NOW, 3, 12, None, "current", None), 4711, "It waits in Kafka"),
        (Standing(NOW, 3, 12, 20, "current", None), 1, "begins at offset 3"),
        (Standing(NOW, 3, 12, 20, "current", None), 5, "nothing is kept"),
        (Standing(NOW, 3, 12, 20, "ended", None), 15, "photo_settle_log"),
        (Standing(NOW, 3, 12, 20, "current", replace(WORK, committed_at=None, state="running")), 12, "worked on"),
    ],
)
def test_a_record_without_outcome_says_how_long_it_waits(standing: Standing, offset: int, words: str) -> None:
    """How many are before it, who has it, or that there is none."""
    view = waiting_view(RecordCoordinates("photos.uploaded", 0, offset), standing)
    assert words in view.lead
    assert bool(view.steps) == (standing.work is not None)
    assert LOG.name in view.lead or standing.work is not None


def test_each_time_it_came_is_a_line() -> None:
    """The same photo sent twice: the newest first, and each with its own record's page."""
    again = passage(outcome="duplicate", where=RecordCoordinates("photos.uploaded", 0, 9))
    view = way_view(replace(WHOLE, passages=[again, passage()]), ASKED)
    assert [row.outcome for row in view.passages] == ["duplicate", "processed"]
    assert "Published" not in texts(view), "what is there already is said once"
    assert view.title == f"Photo {PHOTO}"
