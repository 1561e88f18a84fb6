"""Reprocessing on real servers: photos are replaced once and live as long as before, dead letters are fed once."""

import io
import json
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient
from tests.support.clocks import HOUR, run_at
from tests.support.images import encoded, exif_block, scene
from tests.support.pipeline import Pipeline
from tests.support.reprocessing import Reprocessing

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.adapters.image_workers.worker_time import TimeLimits
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.form_previews import PostgresFormPreviews
from photo_pipeline.adapters.postgres.holds import PostgresHoldRegister
from photo_pipeline.composition.retention import retention_ports
from photo_pipeline.domain.errors import (
    AttemptSupersededError,
    InvalidRequestError,
    OriginalsDamagedError,
    RequestBusyError,
    ServerUnavailableError,
)
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import ImageLimits, SniffedFormat
from photo_pipeline.domain.ledger import ArchivedPhoto, ShardFile
from photo_pipeline.domain.photo import RecordCoordinates, Source, photo_id_for, sha256_hex
from photo_pipeline.domain.reprocess import Attempt
from photo_pipeline.domain.retention import KEEP, MARGIN
from photo_pipeline.use_cases.reprocess import rederive_shards

PLENTY = 10_000_000


@pytest.fixture
def again(pipeline: Pipeline) -> Reprocessing:
    """Requests on a pipeline of this test's own."""
    return Reprocessing(pipeline)


def photo(seed: int, kind: SniffedFormat = SniffedFormat.JPEG, width: int = 64) -> bytes:
    """A small photo of its own."""
    return encoded(scene(width, 48, seed), kind)


def archived(pipeline: Pipeline, *photos: bytes) -> UUID:
    """Photos of a new customer, in one shard."""
    customer = pipeline.sign_up()
    pipeline.send(customer, *photos)
    pipeline.ingest()
    return customer


def assert_index_is_right(pipeline: Pipeline, originals: Mapping[UUID, bytes]) -> None:
    """Every photo has three members in its shard, where the index says, and the original is the customer's."""
    rows = pipeline.rows(
        'SELECT r.photo_id, r.kind, s.path, r."offset", r.length, r.crc32 FROM rendition r '
        "JOIN photo p USING (photo_id) JOIN shard s ON s.shard_id = p.shard_id AND s.shard_id = r.shard_id"
    )
    assert len(rows) == 3 * len(originals)
    archive = HdfsArchive(pipeline.settings.hdfs)
    for photo_id, kind, path, offset, length, crc32 in rows:
        content = archive.read(str(path), int(str(offset)), int(str(length)))
        assert zlib.crc32(content) == crc32
        if kind == "original":
            assert content == originals[UUID(str(photo_id))]


def shards(pipeline: Pipeline) -> list[tuple[object, ...]]:
    """Kind, state and number of photos that point to it, of every shard."""
    return pipeline.rows(
        "SELECT s.kind, s.state, count(p.photo_id) FROM shard s LEFT JOIN photo p USING (shard_id) "
        "GROUP BY s.shard_id ORDER BY s.shard_id"
    )


class TestRenditions:
    """Derived again."""

    def test_photos_move_to_a_shard_as_old_as_their_own(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Originals byte for byte, the index in one new shard, which goes when the old one goes."""
        photos = [photo(seed) for seed in range(3)]
        customer = archived(pipeline, *photos)
        (source,) = pipeline.files()
        pipeline.execute("UPDATE photo SET width = 1, blurhash = NULL, camera = 'of an older release'")
        summary = again.rederive(again.ask())
        assert (summary.moved, summary.left, summary.refused) == (3, 0, 0)
        assert shards(pipeline) == [("archive", "live", 0), ("reprocess", "live", 3)]
        ((same_age, same_day, path, length, count),) = pipeline.rows(
            "SELECT n.committed_at = o.committed_at, n.dt = o.dt, n.path, n.length, n.photos FROM shard n, shard o "
            "WHERE n.kind = 'reprocess' AND o.kind = 'archive'"
        )
        assert (same_age, same_day, count) == (True, True, 3)
        assert str(path).rpartition("/")[0] == source.rpartition("/")[0]
        assert sorted(pipeline.files()) == sorted([source, str(path)])
        assert pipeline.files("_staging") == []
        assert_index_is_right(pipeline, {photo_id_for(customer, sha256_hex(data)): data for data in photos})
        assert pipeline.rows("SELECT DISTINCT width, blurhash IS NULL, camera FROM photo") == [(64, False, None)]
        content = pipeline.read_file(str(path))
        assert length == len(content)
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            description = json.load(tar.extractfile(tar.getnames()[3]))  # type: ignore[arg-type] # a regular file
            assert len(tar.getnames()) == 12
        assert description["offset"] == 0
        assert description["topic"] == pipeline.settings.topics.uploaded

    def test_damaged_rendition_is_made_anew(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """What the reconciliation may not repair by itself, a request does: only originals cannot be made again."""
        data = photo(1)
        customer = archived(pipeline, data)
        (path,) = pipeline.files()
        content = bytearray(pipeline.read_file(path))
        ((offset,),) = pipeline.rows("SELECT \"offset\" FROM rendition WHERE kind = 'web'")
        content[int(str(offset)) + 9] ^= 1
        pipeline.webhdfs.write(path, bytes(content), overwrite=True)
        assert again.rederive(again.ask()).moved == 1
        assert_index_is_right(pipeline, {photo_id_for(customer, sha256_hex(data)): data})

    def test_photo_of_before_gets_what_it_lacks(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """One that an older release archived has no thumb for dense screens, until its renditions are made again."""
        archived(pipeline, encoded(scene(1280, 960), SniffedFormat.JPEG))
        pipeline.execute("DELETE FROM rendition WHERE kind = 'thumb2x'")
        assert again.rederive(again.ask()).moved == 1
        rows = pipeline.rows("SELECT kind, width, height, shard_id FROM rendition ORDER BY width")
        assert rows == [
            ("thumb", 320, 240, 2),
            ("thumb2x", 640, 480, 2),
            ("original", 1280, 960, 2),
            ("web", 1280, 960, 2),
        ]

    def test_only_what_was_asked_for(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Window, customer and format choose photos; the others stay where they are."""
        customer = archived(pipeline, photo(1), photo(2, SniffedFormat.PNG))
        archived(pipeline, photo(3))
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        later = again.ask("later", **{"from": tomorrow, "to": "2999-01-01T00:00:00Z"})
        assert again.plan(later) == []
        chosen = again.ask("chosen", customer_id=str(customer), format="png")
        assert again.rederive(chosen).moved == 1
        assert pipeline.rows(
            "SELECT p.format FROM photo p JOIN shard s USING (shard_id) WHERE s.kind = 'reprocess'"
        ) == [("png",)]

    def test_a_request_replaces_once_and_another_one_again(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Cleared and run again there is nothing left to do; asked for anew, there is."""
        archived(pipeline, photo(1))
        request = again.ask()
        again.rederive(request)
        assert again.plan(request) == []
        assert again.rederive(request).moved == 0
        assert again.rederive(again.ask("another")).moved == 1
        assert shards(pipeline) == [("archive", "live", 0), ("reprocess", "live", 0), ("reprocess", "live", 1)]

    def test_photo_that_moved_meanwhile_is_left(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """A duplicate that is committed while its first copy is being derived again keeps its newer shard."""
        photos = [photo(1), photo(2)]
        customer = archived(pipeline, *photos)
        request = again.ask()

        def sent_again() -> None:
            pipeline.send(customer, photos[0])
            pipeline.ingest()

        with again.rederive_ports() as ports:
            moving = replace(ports, ledger=_BeforeSwap(ports.ledger, sent_again))
            summary = rederive_shards(request, again.plan(request)[0], moving, PLENTY)
        assert (summary.moved, summary.left) == (1, 1)
        assert shards(pipeline) == [("archive", "live", 0), ("archive", "live", 1), ("reprocess", "live", 1)]
        assert_index_is_right(pipeline, {photo_id_for(customer, sha256_hex(data)): data for data in photos})

    def test_nothing_left_to_move_leaves_no_shard(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """When every photo has moved meanwhile, the new file goes."""
        data = photo(1)
        customer = archived(pipeline, data)
        request = again.ask()

        def sent_again() -> None:
            pipeline.send(customer, data)
            pipeline.ingest()

        with again.rederive_ports() as ports:
            moving = replace(ports, ledger=_BeforeSwap(ports.ledger, sent_again))
            assert rederive_shards(request, again.plan(request)[0], moving, PLENTY).moved == 0
        assert shards(pipeline) == [("archive", "live", 0), ("archive", "live", 1)]
        assert len(pipeline.files()) == 2

    def test_damaged_original_is_left_and_named(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """No guess about originals: it stays, the others are derived again, and the task says which it was."""
        customer = archived(pipeline, photo(1), photo(2))
        (path,) = pipeline.files()
        content = bytearray(pipeline.read_file(path))
        ((photo_id, offset),) = pipeline.rows(
            'SELECT photo_id, "offset" FROM rendition WHERE kind = \'original\' ORDER BY "offset" LIMIT 1'
        )
        content[int(str(offset)) + 30] ^= 1
        pipeline.webhdfs.write(path, bytes(content), overwrite=True)
        with pytest.raises(OriginalsDamagedError, match=str(photo_id)):
            again.rederive(again.ask())
        assert shards(pipeline) == [("archive", "live", 1), ("reprocess", "live", 1)]
        assert photo_id == photo_id_for(customer, sha256_hex(photo(1)))

    def test_refused_photo_keeps_what_it_has(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """A photo that today's limits would not take is not taken away from its customer."""
        archived(pipeline, photo(1, width=64), photo(2, width=90))
        request = again.ask()
        stricter = WorkerPool(
            workers=1, limits=ImageLimits(max_edge=80), time_limits=TimeLimits(30, 300), memory_bytes=2**30
        )
        with again.rederive_ports() as ports, stricter as images:
            summary = rederive_shards(request, again.plan(request)[0], replace(ports, images=images), PLENTY)
        assert (summary.moved, summary.refused) == (1, 1)
        assert pipeline.rows("SELECT count(*) FROM photo WHERE status = 'processed'") == [(2,)]

    def test_memory_is_bounded_by_bytes_in_flight(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """However many photos a shard has, no more of them are with the workers than the limit says, and one."""
        photos = [photo(seed) for seed in range(8)]
        archived(pipeline, *photos)
        request = again.ask()
        with again.rederive_ports() as ports:
            counting = _Counting(ports.images)
            limit = 2 * max(map(len, photos))
            summary = rederive_shards(request, again.plan(request)[0], replace(ports, images=counting), limit)
        assert summary.moved == 8
        assert counting.most <= limit + max(map(len, photos))

    def test_superseded_attempt_swaps_nothing(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """A zombie that wakes up after another attempt has begun can make nothing visible."""
        archived(pipeline, photo(1))
        request = again.ask()
        ((shard_id,),) = again.plan(request)

        def superseded() -> None:
            with again.rederive_ports() as others:
                assert others.ledger.begin(request.request_id, shard_id) is not None

        with again.rederive_ports() as ports:
            zombie = replace(ports, ledger=_BeforeSwap(ports.ledger, superseded))
            with pytest.raises(AttemptSupersededError):
                rederive_shards(request, [shard_id], zombie, PLENTY)
        assert shards(pipeline) == [("archive", "live", 1)]
        assert again.rederive(request).moved == 1

    def test_leftovers_are_removed(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """What a failed attempt left goes with the next attempt, or when the request is tidied up."""
        archived(pipeline, photo(1))
        request = again.ask()

        def fail() -> None:
            raise ServerUnavailableError("PostgreSQL", "planted")

        for _ in range(2):
            with again.rederive_ports() as ports:
                failing = replace(ports, ledger=_BeforeSwap(ports.ledger, fail))
                with pytest.raises(ServerUnavailableError):
                    rederive_shards(request, again.plan(request)[0], failing, PLENTY)
            assert len(pipeline.files()) == 2
        assert again.tidy(request) == 1
        assert len(pipeline.files()) == 1
        assert again.rederive(request).moved == 1

    @pytest.mark.parametrize(
        "change", ["state = 'expiring', expiring_at = now()", "committed_at = now() - interval '168 hours'"]
    )
    def test_source_that_has_had_its_time(self, pipeline: Pipeline, again: Reprocessing, change: str) -> None:
        """What retention is about to take is not taken away from it, also when its time comes in between."""
        archived(pipeline, photo(1))
        request = again.ask()

        def time_passes() -> None:
            pipeline.execute(f"UPDATE shard SET {change}")

        with again.rederive_ports() as ports:
            late = replace(ports, ledger=_BeforeSwap(ports.ledger, time_passes))
            summary = rederive_shards(request, again.plan(request)[0], late, PLENTY)
        assert (summary.moved, summary.left) == (0, 1)
        assert again.plan(request) == []
        assert len(pipeline.files()) == 1
        assert again.tidy(request) == 0
        assert [kind for kind, _, _ in shards(pipeline)] == ["archive"]

    def test_photos_expire_when_they_would_have(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Retention finds the new shard due at the same time as the old one, and takes both."""
        archived(pipeline, photo(1))
        again.rederive(again.ask())
        assert retain(pipeline, KEEP) == (0, 0)
        assert retain(pipeline, KEEP + MARGIN + timedelta(minutes=1)) == (1, 2)
        assert pipeline.files() == []
        assert pipeline.rows("SELECT status FROM photo") == [("expired",)]

    def test_held_photos_stay_held(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Photos of a hold shard are derived again into a hold shard, and stay for as long as their hold."""
        data = photo(1)
        customer = archived(pipeline, data)
        hold(pipeline, customer)
        later = KEEP + MARGIN + timedelta(minutes=1)
        retain(pipeline, later)
        age = "committed_at = committed_at - interval '10 days', kept_until = kept_until - interval '10 days'"
        pipeline.execute(f"UPDATE shard SET {age}")
        assert again.rederive(again.ask()).moved == 1
        assert shards(pipeline) == [("archive", "removed", 0), ("hold", "live", 0), ("hold", "live", 1)]
        retain(pipeline, later)
        assert shards(pipeline)[1:] == [("hold", "removed", 0), ("hold", "live", 1)]
        assert len(pipeline.files("held")) == 1
        assert_index_is_right(pipeline, {photo_id_for(customer, sha256_hex(data)): data})

    def test_analysts_see_what_changed(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """New metadata counts as a change of the photo's outcome, so that the search index follows."""
        exif = exif_block(make="Acme", model="One")
        data = encoded(scene(64, 48, 1), SniffedFormat.JPEG, exif=exif)
        archived(pipeline, data)
        pipeline.execute("UPDATE photo SET camera = NULL")
        ((before,),) = pipeline.rows("SELECT version FROM ingest_record")
        again.rederive(again.ask())
        assert pipeline.rows("SELECT camera FROM photo") == [("Acme One",)]
        ((after,),) = pipeline.rows("SELECT version FROM ingest_record")
        assert int(str(after)) == int(str(before)) + 1

    def test_tasks_share_the_shards(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Every shard is in one task's list, and there are no more tasks than allowed."""
        for seed in range(5):
            archived(pipeline, photo(seed))
        chunks = again.plan(again.ask(), chunks=2)
        assert [len(chunk) for chunk in chunks] == [3, 2]
        assert len({shard for chunk in chunks for shard in chunk}) == 5


class TestDeadLetters:
    """Fed again."""

    def test_rejected_photo_becomes_a_photo(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """A photo of a customer who had not signed up yet is fed again, and is then processed."""
        customer, data = uuid4(), photo(1)
        (sent,) = pipeline.send(customer, data, source=Source.STREAM)
        pipeline.ingest()
        pipeline.execute("INSERT INTO customer VALUES (:id, 'late@example.org', 'Late', 'x', now())", id=customer)
        summary = again.feed(again.ask_for_dead_letters(reason="unknown_customer"))
        assert (summary.fed, summary.gone, summary.too_large) == (1, 0, 0)
        first, second = pipeline.records(pipeline.settings.topics.streamed)
        assert (second.key, second.value) == (first.key, first.value)
        extensions = {"ce_reprocessof": str(sent.coordinates).encode(), "ce_reprocessrequest": b"request"}
        assert dict(second.headers) == {**dict(first.headers), **extensions}
        pipeline.ingest()
        assert pipeline.rows('SELECT "offset", outcome FROM ingest_record ORDER BY 1') == [
            (0, "rejected"),
            (1, "processed"),
        ]
        assert pipeline.rows("SELECT fed_offset FROM refed_record WHERE fed_at IS NOT NULL") == [(1,)]

    def test_fed_once(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Neither the same request again nor another one feeds a record that was fed."""
        noise(pipeline, 5)
        request = again.ask_for_dead_letters()
        assert again.feed(request, batch_records=2).fed == 5
        assert again.feed(request).fed == 5
        assert again.feed(again.ask_for_dead_letters("another")).fed == 0
        assert len(pipeline.records(pipeline.settings.topics.uploaded)) == 10

    def test_copies_that_are_rejected_again_end_it(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """A request does not chase its own copies; a later one may feed them."""
        noise(pipeline, 2)
        request = again.ask_for_dead_letters()
        again.feed(request)
        pipeline.ingest()
        assert again.feed(request).fed == 2
        assert again.feed(again.ask_for_dead_letters("another")).fed == 2
        copy = pipeline.records(pipeline.settings.topics.uploaded)[4]
        assert dict(copy.headers)["ce_reprocessof"] == f"{pipeline.settings.topics.uploaded}-0-2".encode()

    def test_only_what_was_asked_for(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Reason, customer, window and record choose records; the Photos page's form says how many beforehand."""
        noise(pipeline, 1)
        stranger = uuid4()
        pipeline.send(stranger, photo(1), photo(2))
        pipeline.ingest()
        engine = make_engine(pipeline.database.bi, "tests")
        previews = PostgresFormPreviews(engine, pipeline.settings.topics.incoming)
        everything = previews.feedable(again.ask_for_dead_letters("everything"))
        assert everything.customers == {stranger: 2, None: 1}
        record = f"{pipeline.settings.topics.uploaded}-0-1"
        one = again.ask_for_dead_letters("one", record=record, customer_id=str(stranger))
        assert previews.feedable(one).records == 1
        assert again.feed(one).fed == 1
        assert pipeline.rows('SELECT "offset" FROM refed_record') == [(1,)]
        assert (previews.feedable(one).records, previews.feedable(one).fed_before) == (0, 1)
        engine.dispose()
        before = {"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"}
        assert again.feed(again.ask_for_dead_letters("before", **before)).fed == 0
        assert again.feed(again.ask_for_dead_letters("empty", reason="empty")).fed == 0
        assert again.feed(again.ask_for_dead_letters("stranger", customer_id=str(stranger))).fed == 1
        assert again.feed(again.ask_for_dead_letters("reason", reason="not_a_cloudevent")).fed == 1

    @pytest.mark.parametrize("method", ["settle", "announce"])
    def test_task_that_died_is_continued(self, pipeline: Pipeline, again: Reprocessing, method: str) -> None:
        """Died after announcing, or after sending: the next task finds out which, and each record is fed once."""
        noise(pipeline, 4)
        request = again.ask_for_dead_letters()
        with again.feed_ports() as ports:
            dying = replace(ports, ledger=_Dying(ports.ledger, method))
            with pytest.raises(ServerUnavailableError):
                again.feed_through(dying, request, batch_records=2)
        noise(pipeline, 1)  # others go on writing
        assert again.feed(request, batch_records=3).fed == 4
        sent = [dict(record.headers).get("ce_reprocessof") for record in pipeline.records()]
        topic = pipeline.settings.topics.uploaded
        assert sorted(name for name in sent if name) == [f"{topic}-0-{offset}".encode() for offset in range(4)]
        assert pipeline.rows("SELECT count(*) FROM refed_record WHERE fed_at IS NULL") == [(0,)]

    def test_what_kafka_has_deleted_is_counted(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Records older than Kafka's retention cannot be fed, the others are."""
        noise(pipeline, 3)
        topic = pipeline.settings.topics.uploaded
        admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka.bootstrap_servers})
        for future in admin.delete_records([KafkaPartition(topic, 0, 2)]).values():
            future.result()
        summary = again.feed(again.ask_for_dead_letters())
        assert (summary.fed, summary.gone) == (1, 2)

    def test_record_without_room_for_more_headers_is_left(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """A record as large as Kafka takes would be refused with two more headers: it must not stop the others."""
        topic = pipeline.settings.topics.uploaded
        largest = pipeline.settings.kafka.max_message_bytes - 300
        pipeline.produce(OutboundRecord(topic, None, bytes(largest), []))
        noise(pipeline, 1)
        summary = again.feed(again.ask_for_dead_letters())
        assert (summary.fed, summary.too_large) == (1, 1)

    def test_one_task_at_a_time(self, pipeline: Pipeline, again: Reprocessing) -> None:
        """Two tasks of one request would both look for what neither has sent."""
        noise(pipeline, 1)
        request = again.ask_for_dead_letters()
        with (
            again.feed_ports() as ports,
            ports.ledger.alone(request.request_id),
            pytest.raises(RequestBusyError),
        ):
            again.feed(request)
        assert again.feed(request).fed == 1

    def test_request_keeps_its_meaning(self, again: Reprocessing) -> None:
        """One id is one request, whoever uses it again."""
        window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        again.ask_for_dead_letters(**window)
        again.ask_for_dead_letters(**window)
        with pytest.raises(InvalidRequestError, match="something else before"):
            again.ask_for_dead_letters(**window, reason="empty")


def noise(pipeline: Pipeline, count: int) -> None:
    """Records that are no events, rejected."""
    topic = pipeline.settings.topics.uploaded
    pipeline.produce(*(OutboundRecord(topic, b"key", f"noise {n}".encode(), [("mine", b"1")]) for n in range(count)))
    pipeline.ingest()


def retain(pipeline: Pipeline, later: timedelta) -> tuple[int, int]:
    """Retention, so much later, after a run an hour before that: photos expired and shards removed."""
    with retention_ports(pipeline.settings.database, pipeline.settings.hdfs) as ports:
        run_at(ports, later - HOUR)
        summary = run_at(ports, later)
    return summary.expired, summary.removed


def hold(pipeline: Pipeline, customer: UUID) -> None:
    """Hold all of a customer's photos."""
    engine = make_engine(pipeline.settings.database, "tests")
    try:
        PostgresHoldRegister(engine).place(customer, None, "a case", "tests")
    finally:
        engine.dispose()


class _BeforeSwap:
    """A ledger that lets something happen just before the swap."""

    def __init__(self, inner: Any, happening: Any) -> None:
        self._inner = inner
        self._happening = happening

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def swap(self, attempt: Attempt, file: ShardFile, photos: Sequence[ArchivedPhoto]) -> int:
        self._happening()
        moved: int = self._inner.swap(attempt, file, photos)
        return moved


class _Dying:
    """A ledger whose connection breaks: in ``settle`` before it is written, in ``announce`` after."""

    def __init__(self, inner: Any, method: str) -> None:
        self._inner = inner
        self._method = method

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settle(self, fed: Mapping[RecordCoordinates, RecordCoordinates]) -> None:
        if self._method == "settle" and fed:
            raise ServerUnavailableError("PostgreSQL", "planted")
        self._inner.settle(fed)

    def announce(self, *arguments: Any) -> Any:
        announced = self._inner.announce(*arguments)
        if self._method == "announce":
            raise ServerUnavailableError("PostgreSQL", "planted")
        return announced


class _Counting:
    """Image workers that note how many bytes they have at a time."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._now = 0
        self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def submit(self, data: bytes) -> Any:
        self._now += len(data)
        self.most = max(self.most, self._now)
        future = self._inner.submit(data)
        result = future.result

        def taken(*arguments: Any) -> Any:
            self._now -= len(data)
            return result(*arguments)

        future.result = taken
        return future
