"""A photo's way in steps, each with its time and its links. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.retention import KEEP, LATEST, Hold
from photo_pipeline.domain.ways import (
    Course,
    Names,
    Passage,
    PhotoFacts,
    Place,
    Standing,
    TaskPlace,
    Told,
    Way,
    Work,
)
from photo_pipeline.operations.finding import customer_path
from photo_pipeline.operations.panels import Away
from photo_pipeline.operations.records import RecordRow, record_row, who
from photo_pipeline.operations.text import NONE, age, moment, number, plural, size
from photo_pipeline.operations.view import sentence_of

INGEST = "/dags/photo_ingest"
OUTBOX_KEPT = "a week"


@dataclass(frozen=True, slots=True)
class Link:
    """Where a step leads: within the page, to Airflow's own pages (``airflow``), or elsewhere (``out``)."""

    text: str
    address: str
    to: str = "page"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, happens or will. ``state`` is ``done``, ``now``, ``ahead`` or ``bad``."""

    name: str
    at: str
    text: str
    state: str = "done"
    links: tuple[Link, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A rendition and the range of bytes in which it lies, the last one included."""

    kind: str
    picture: str
    type: str
    range: str
    size: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked besides the ledger.

    Attributes:
        names: for those who may know them.
        task: Airflow's; ``None`` where it knows none.
        index: the name of the index that has the document; ``None`` where none has it.
        archive: an address for a browser under which paths of the archive can be looked at; may be empty.
        dashboard: the analysts' dashboards; may be empty.
    """

    names: Names
    task: TaskPlace | Away | None
    index: str | Away | None
    archive: str = ""
    dashboard: str = ""


@dataclass(frozen=True, slots=True)
class WayView:
    """The page of a photo, or of a record that brought none."""

    title: str
    lead: str
    facts: str
    sha256: str
    steps: Sequence[Step]
    members: Sequence[MemberRow]
    passages: Sequence[RecordRow]
    refused: str
    photo_id: str = ""


def way_view(way: Way, asked: Asked) -> WayView:
    """All of the page."""
    first = way.passages[0] if way.passages else None
    photo = way.photo
    return WayView(
        title=f"Photo {way.photo_id}" if way.photo_id is not None else f"Record {first and first.where}",
        lead=_lead(way, first),
        facts="" if photo is None else f"{photo.format}, {photo.width} x {photo.height} pixels, {size(photo.bytes)}",
        sha256="" if photo is None else photo.sha256,
        steps=list(_steps(way, first, asked)),
        members=[
            MemberRow(
                kind=one.kind,
                picture=f"{one.width} x {one.height}",
                type=one.content_type,
                range=f"{one.offset}-{one.offset + one.length - 1}",
                size=size(one.length),
            )
            for one in way.members
        ],
        passages=[record_row(one, asked.names) for one in way.passages],
        refused=refused_path(first.where) if first is not None and first.outcome == "rejected" else "",
        photo_id="" if way.photo_id is None else str(way.photo_id),
    )


def refused_path(where: RecordCoordinates) -> str:
    """The address of a refused record's own page, with its picture where there is one."""
    return f"/rejected/{where.topic_name}/{where.partition}/{where.offset}"


def _lead(way: Way, first: Passage | None) -> str:
    """Where the photo is now, in a sentence."""
    photo = way.photo
    if photo is None:
        why = "" if first is None or first.reason is None else f" {sentence_of(first.reason)}"
        return f"No photo came of it: it was {first.outcome if first else 'never seen'}.{why}"
    if photo.status == "expired":
        return f"It was removed from the archive at {moment(photo.expired_at)} UTC."
    held = ", held" if way.holds else ""
    binned = " Its customer has put it into the bin." if photo.binned_at is not None else ""
    return f"It is in the archive{held}.{binned}"


def _steps(way: Way, first: Passage | None, asked: Asked) -> Iterator[Step]:
    if first is not None:
        yield _received(first, asked)
        yield from _worked(first, way.course, asked)
        yield _outcome(first, way.course)
    if way.photo is not None:
        yield from _archived(way.photo, asked)
    if first is not None and way.course is not None:
        yield from _told(first, way.course)
        yield _indexed(first, way.course, asked)
        yield from _refed(way.course)
    if way.photo is not None:
        yield from (_held(one) for one in way.holds)
        yield from _end(way.photo, way.holds, way.now)


def _received(one: Passage, asked: Asked) -> Step:
    if one.outcome == "absent":
        return Step("Received", NONE, "never: Kafka had no record at this place", "bad", code=str(one.where))
    by = {"upload": "the upload API", "stream": "the stream application"}.get(one.source or "", "Kafka")
    sender = who(one.customer_id, asked.names)
    named = f" called {asked.names.files[one.where]}" if one.where in asked.names.files else ""
    parts = [f"{size(one.bytes)}{named} by {by}"]
    parts += [f"from device {one.device_id}"] if one.device_id is not None else []
    parts += [f"of {sender}"] if sender else []
    links = () if one.customer_id is None else (Link(f"Customer {one.customer_id}", customer_path(one.customer_id)),)
    return Step("Received", moment(one.accepted_at), ", ".join(parts), links=links, code=str(one.where))


def _worked(one: Passage, course: Course | None, asked: Asked) -> Iterator[Step]:
    if course is None:
        return
    work = course.work
    if one.accepted_at is not None:
        waited = age(work.planned_at - one.accepted_at)
        yield Step("Waited", moment(work.planned_at), f"{waited} in Kafka, until its slice was planned")
    yield _slice_step(work)
    yield _attempt_step(work, asked.task)


def _slice_step(work: Work) -> Step:
    links = (Link(f"Slice {work.slice_id}", f"/slices/{work.slice_id}"),)
    return Step(
        "Slice", moment(work.planned_at), f"{work.state}", "now" if work.committed_at is None else "done", links
    )


def _attempt_step(work: Work, task: TaskPlace | Away | None) -> Step:
    state = "now" if work.committed_at is None else "done"
    run = (
        ()
        if work.run_id is None
        else (Link(f"Run {work.run_id}", f"{INGEST}/runs/{quote(work.run_id, safe='')}", "airflow"),)
    )
    text = f"attempt {work.attempt}"
    if isinstance(task, Away):
        return Step("Worker", NONE, f"{text}. {task.said}, so its task is not known", state, run)
    if task is None:
        unknown = "of an older release: its run was not noted" if work.run_id is None else "Airflow knows no task of it"
        return Step("Worker", NONE, f"{text}; {unknown}", state, run)
    links = (*run, Link("Task and log", task.path, "airflow"))
    return Step("Worker", moment(task.started_at), f"{text}, by {task.worker}", state, links)


def _outcome(one: Passage, course: Course | None) -> Step:
    why = "" if one.reason is None else f": {sentence_of(one.reason)}"
    detail = f" ({one.detail})" if one.detail else ""
    took = ""
    if course is not None and one.accepted_at is not None:
        took = f", {age(one.processed_at - one.accepted_at)} after it was received"
    bad = one.outcome in {"rejected", "absent"}
    text = f"{one.outcome}{took}{why}{detail}"
    return Step("Outcome", moment(one.processed_at), text, "bad" if bad else "done")


def _archived(photo: PhotoFacts, asked: Asked) -> Iterator[Step]:
    place = photo.place
    if place is None:
        return
    folder = place.path.rpartition("/")[0]
    links = (Link("Folder", f"{asked.archive}{folder}", "out"),) if asked.archive else ()
    text = f"{place.kind} shard of {size(place.length)}, {place.state}; its byte ranges are below"
    yield Step("Shard", moment(place.committed_at), text, links=links, code=place.path)


def _told(one: Passage, course: Course) -> Iterator[Step]:
    told = course.told
    topic = {"rejected": "photos.rejected", "processed": "photos.processed"}.get(one.outcome)
    if topic is None:
        return
    if told is None:
        yield Step("Published", NONE, f"on {topic}; what was said is kept for {OUTBOX_KEPT} only")
    else:
        yield _published(told, topic)


def _published(told: Told, topic: str) -> Step:
    if told.published_at is None:
        return Step("Published", NONE, f"not yet: it waits for {topic} since {moment(told.created_at)} UTC", "now")
    return Step("Published", moment(told.published_at), f"on {topic}")


def _indexed(one: Passage, course: Course, asked: Asked) -> Step:
    if one.outcome == "absent":
        return Step("Indexed", NONE, "never: there was no record")
    links = (Link("Dashboards", asked.dashboard, "out"),) if asked.dashboard else ()
    if isinstance(asked.index, Away):
        known = "all of it had been sent" if course.synced else "the newest had not been sent"
        return Step("Indexed", NONE, f"{asked.index.said}; by the ledger {known}", "now", code=str(one.where))
    if asked.index is None:
        wrong = "it had been sent, and is not there: see photo_reconcile" if course.synced else "not yet"
        return Step("Indexed", NONE, wrong, "bad" if course.synced else "now", links, str(one.where))
    newest = "" if course.synced else "; its last change is not there yet"
    return Step("Indexed", NONE, f"a document of {asked.index}{newest}", "done", links, str(one.where))


def _refed(course: Course) -> Iterator[Step]:
    if course.refed_at is not None:
        yield Step("Fed again", moment(course.refed_at), "sent to its topic once more by photo_reprocess")


def _held(hold: Hold) -> Step:
    what = "the photo" if hold.photo_id is not None else "all of its customer's photos"
    return Step("Held", moment(hold.placed_at), f"{what}: {hold.reason} ({hold.placed_by})", "now")


def _end(photo: PhotoFacts, holds: Sequence[Hold], now: datetime) -> Iterator[Step]:
    if photo.binned_at is not None:
        yield Step(
            "In the bin", moment(photo.binned_at), "by its customer: shown to nobody, kept until it expires", "now"
        )
    if photo.expired_at is not None:
        yield Step("Removed", moment(photo.expired_at), "from the archive, when its time was over")
    elif photo.place is not None:
        yield _expires(photo.place, holds, now)


def _expires(place: Place, holds: Sequence[Hold], now: datetime) -> Step:
    if holds or place.kind == "hold":
        return Step("Expires", NONE, "when what holds it is lifted", "ahead")
    due = place.kept_until or place.committed_at + KEEP
    left = f"in {age(due - now)}" if due > now else "due now"
    return Step("Expires", moment(due), f"{left}; at {moment(due + LATEST)} UTC at the latest", "ahead")


def waiting_view(where: RecordCoordinates, standing: Standing) -> WayView:
    """The page of a record that has no outcome."""
    steps = [*([] if standing.work is None else [_slice_step(standing.work), _attempt_step(standing.work, None)])]
    return WayView(f"Record {where}", _standing(where, standing), "", "", steps, [], [], "")


def _standing(where: RecordCoordinates, standing: Standing) -> str:
    offset, name = where.offset, where.log
    if offset < standing.first_offset:
        return f"What the ledger keeps of {name} begins at offset {number(standing.first_offset)}: this was before."
    if offset < standing.next_offset:
        return f"{name} has been read beyond it, and nothing is kept of it."
    if standing.state == "ended":
        return f"{name} has ended before it was read: see photo_settle_log."
    if standing.work is not None:
        return "It is being worked on: its slice has been planned."
    ahead = f"{plural(offset - standing.next_offset, 'record')} of {name} before it"
    if standing.kafka_end is not None and offset >= standing.kafka_end:
        reach = f"when Kafka was last asked, {name} ended at offset {number(standing.kafka_end)}"
        return f"It waits in Kafka with {ahead}, or does not exist: {reach}."
    return f"It waits in Kafka, with {ahead}."
