"""What the Photos page asks when somebody looks for something, and follows it."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from tests.history.questions.kind import Prepare, Put, each, in_every_month, one
from tests.history.shape import VETERAN
from tests.history.world import History

from photo_pipeline.adapters.postgres.names import PostgresNames
from photo_pipeline.adapters.postgres.ways import PostgresWays
from photo_pipeline.domain.ways import Mark, RefusedQuestion
from photo_pipeline.operations.search import edits

WEEK = timedelta(days=7)
LIVE = "SELECT photo_id, sha256 FROM photo WHERE status = 'processed' ORDER BY processed_at, photo_id LIMIT 1"
GONE = "SELECT photo_id FROM photo WHERE status = 'expired' ORDER BY processed_at, photo_id LIMIT 1"


def _ways(history: History) -> PostgresWays:
    return PostgresWays(history.bi)


def _names(history: History) -> PostgresNames:
    return PostgresNames(history.pipeline)


def _photo(query: str) -> Prepare:
    def prepare(history: History) -> Put:
        photo_id = history.rows(query)[0].photo_id
        return one(lambda: _ways(history).of_photo(photo_id))

    return prepare


def _record(history: History) -> Put:
    record = history.records("outcome = 'rejected'", limit=1)[0]
    return one(lambda: _ways(history).of_record(record.at))


def _standing(history: History) -> Put:
    record = history.records("outcome = 'rejected'", limit=1)[0]
    return one(lambda: _ways(history).standing(record.at))


def _slip(history: History) -> Put:
    ids = {UUID(digits) for digits in edits(history.rows(LIVE)[0].photo_id.hex[:-1], 32)}

    def ask() -> int:
        _ways(history).photos(ids)
        return len(ids)

    return ask


def _bytes(history: History) -> Put:
    sha256 = history.rows(LIVE)[0].sha256
    return one(lambda: _ways(history).photos_of_bytes([sha256[:12]]))


def _bytes_slip(history: History) -> Put:
    starts = edits(history.rows(LIVE)[0].sha256[:12], 12)

    def ask() -> int:
        _ways(history).photos_of_bytes(starts)
        return len(starts)

    return ask


def _of_slice(history: History) -> Put:
    return each(lambda: _ways(history).of_slice(history.shape.slices // 2, 0))


def _older(history: History) -> Put:
    record = history.records("customer_id = :who", limit=200, who=VETERAN)[-1]
    place = 'topic = :topic AND "partition" = :partition AND "offset" = :offset'
    at = history.one(
        f"SELECT processed_at FROM ingest_record WHERE {place}",
        topic=record.at.topic,
        partition=record.at.partition,
        offset=record.at.offset,
    )
    return one(lambda: _ways(history).of_customer(VETERAN, Mark(at, record.at)))


def _refused(**of: UUID) -> Prepare:
    def prepare(history: History) -> Put:
        question = RefusedQuestion(history.now - WEEK, history.now, **of)
        return each(lambda: _ways(history).refused(question))

    return prepare


def _files(history: History) -> Put:
    page = _ways(history).refused(RefusedQuestion(history.now - WEEK, history.now))[:50]
    settled = {each.where: each.processed_at for each in page}
    return each(lambda: _names(history).files(settled) or settled)


QUESTIONS: Mapping[str, Prepare] = {
    "find: a photo's way": in_every_month(_photo(LIVE)),
    "find: a removed photo's way": in_every_month(_photo(GONE)),
    "find: a record's way": in_every_month(_record),
    "find: how long a record waits": _standing,
    "find: the photos next to an id": in_every_month(lambda h: one(lambda: _ways(h).photos_near(UUID(int=1 << 127)))),
    "find: photos one slip away": _slip,
    "find: a checksum": _bytes,
    "find: checksums one slip away": _bytes_slip,
    "find: a checksum's beginning": lambda h: each(lambda: _ways(h).photos_of_bytes_from("abc")),
    "find: a slice's number": lambda h: one(lambda: _ways(h).slices_near(h.shape.slices // 2)),
    "find: a slice's records": _of_slice,
    "find: a customer's records": in_every_month(lambda h: one(lambda: _ways(h).of_customer(VETERAN, None))),
    "find: a customer's older records": in_every_month(_older),
    "find: refused records": _refused(),
    "find: refused records of a customer": _refused(customer_id=VETERAN),
    "find: logs": lambda h: one(lambda: _ways(h).logs()),
    "find: a customer": lambda h: one(lambda: _names(h).people([VETERAN])),
    "find: a mail address": lambda h: one(lambda: _names(h).people_near("2@example.org")),
    "find: mail addresses like one": lambda h: one(lambda: _names(h).people_near("10@exampel.org")),
    "find: a file's name": lambda h: each(lambda: _names(h).files_called("img_3.JPG")),
    "find: a refused file's name": lambda h: each(lambda: _names(h).files_called("img_17.JPG")),
    "find: the beginning of a file's name": lambda h: each(lambda: _names(h).files_called("img")),
    "find: names of files": _files,
}
