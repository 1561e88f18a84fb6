"""What it asks and does to make renditions anew and to feed dead letters again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from tests.history.questions.kind import Prepare, Put, each, one
from tests.history.world import History
from tests.support.slices import archived_photo

from photo_pipeline.adapters.postgres.dead_letters import PostgresDeadLetterLedger
from photo_pipeline.adapters.postgres.reprocess import PostgresRenditionLedger, PostgresRequestRegister
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.reprocess import Mode, Request

TOPICS = ("photos.uploaded", "photos.streamed")


def _request(history: History, age: int, mode: Mode = Mode.RENDITIONS) -> Request:
    """A day's."""
    day = datetime.combine((history.now - timedelta(days=age)).date(), time(), UTC)
    return Request(f"{mode.value} {age}", mode, day, day + timedelta(days=1))


def _ledger(history: History) -> PostgresRenditionLedger:
    return PostgresRenditionLedger(history.pipeline)


def _letters(history: History) -> PostgresDeadLetterLedger:
    return PostgresDeadLetterLedger(history.pipeline)


def _accept(history: History) -> Put:
    return one(lambda: PostgresRequestRegister(history.pipeline).accept(_request(history, 1)))


def _shards(age: int, **asked: object) -> Prepare:
    def prepare(history: History) -> Put:
        request = replace(_request(history, age), **asked)  # type: ignore[arg-type] # the caller names its fields
        shards = int(history.one("SELECT count(*) FROM shard WHERE state = 'live'"))

        def ask() -> int:
            _ledger(history).source_shards(request)
            return shards

        return ask

    return prepare


def _again(history: History) -> Put:
    """One shard from its beginning to its end."""
    ledger, request = _ledger(history), _request(history, 1)
    PostgresRequestRegister(history.pipeline).accept(request)
    shard_id = ledger.source_shards(request)[0]
    photos = ledger.photos(request, shard_id)
    made = [
        replace(archived_photo(photo.customer_id, b"again"), photo_id=photo.photo_id, sha256=photo.sha256)
        for photo in photos
    ]

    def ask() -> int:
        ledger.photos(request, shard_id)
        begun = ledger.begin(request.request_id, shard_id)
        assert begun is not None
        ledger.swap(begun[0], ShardFile(f"/photos/archive/reprocess-{shard_id}.tar", 1), made)
        ledger.abandon(request.request_id)
        return len(photos)

    return ask


def _rejected(age: int) -> Prepare:
    def prepare(history: History) -> Put:
        request = _request(history, age, Mode.DEAD_LETTERS)
        PostgresRequestRegister(history.pipeline).accept(request)
        after = _letters(history).rejected(request, TOPICS, None, 50)[-1]
        return each(lambda: _letters(history).rejected(request, TOPICS, after, 20))

    return prepare


def _feed(history: History) -> Put:
    request, letters = _request(history, 1, Mode.DEAD_LETTERS), _letters(history)
    PostgresRequestRegister(history.pipeline).accept(request)
    records = letters.rejected(request, TOPICS, None, 10)

    def ask() -> int:
        letters.announce(request.request_id, records, {0: 1})
        unsettled = letters.unsettled(request.request_id)
        at = RecordCoordinates("photos.uploaded", 0, 1)
        letters.settle({each.coordinates: at for each in unsettled})
        letters.fed(request.request_id)
        return max(1, len(records))

    return ask


QUESTIONS: Mapping[str, Prepare] = {
    "reprocess: a request": _accept,
    "reprocess: yesterday's shards": _shards(1),
    "reprocess: shards of five days ago": _shards(5),
    "reprocess: shards of long ago": _shards(15),
    "reprocess: yesterday's PNGs": _shards(1, format=SniffedFormat.PNG),
    "reprocess: a shard": _again,
    "reprocess: yesterday's refused records": _rejected(1),
    "reprocess: refused records of long ago": _rejected(15),
    "reprocess: feed a few again": _feed,
}
