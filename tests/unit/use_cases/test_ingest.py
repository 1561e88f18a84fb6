"""``process_slice`` on in-memory servers: outcomes, order, memory, and who may commit."""

import io
import tarfile
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from threading import Timer
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.memory import NOON, MemoryArchive, MemoryImages, MemoryLedger, MemoryLog, processed_image
from tests.support.signing import new_key, proof, x_of

from photo_pipeline.domain.errors import (
    LeaseLostError,
    MachineBusyError,
    OffsetOutOfRangeError,
    PhotoErasedError,
    SliceBusyError,
)
from photo_pipeline.domain.events import PhotoEvent, Record, origin_of
from photo_pipeline.domain.imaging import ProcessedImage
from photo_pipeline.domain.ledger import SliceCommit, Watermarks
from photo_pipeline.domain.outcomes import AbsentReason, Outcome, RejectReason
from photo_pipeline.domain.photo import RecordCoordinates, Source, TopicPartition, photo_id_for, sha256_hex
from photo_pipeline.domain.proof import ProofRules, SigningDevice
from photo_pipeline.use_cases.ingest import IngestLimits, IngestPorts, plan_micro_batch, process_slice
from photo_pipeline.use_cases.slice_work import RENDITIONS_BYTES

PARTITION = TopicPartition("photos.uploaded", 0)
LIMITS = IngestLimits(
    slice_max_records=100, slice_max_bytes=1_000_000, in_flight_bytes=1000, lease_seconds=60, slice_seconds=1000
)
CUSTOMER = UUID("0a0a0a0a-0000-4000-8000-000000000001")
DEVICE = UUID(int=77)


def photo_record(offset: int, data: bytes, customer: UUID = CUSTOMER) -> Record:
    """A record as the upload API writes it."""
    sha256 = sha256_hex(data)
    event = PhotoEvent(
        event_id=f"event-{offset}",
        source=Source.UPLOAD,
        origin=origin_of(DEVICE),
        customer_id=customer,
        photo_id=photo_id_for(customer, sha256),
        sha256=sha256,
        filename="a.jpg",
        content_type="image/jpeg",
        sent_at=NOON,
        data=data,
    )
    coordinates = RecordCoordinates(PARTITION.topic, PARTITION.partition, offset)
    return Record(coordinates, NOON, event.key(), data, event.headers())


class World:
    """One partition, its slice and the ports around it."""

    def __init__(self, records: list[Record], end: int | None = None, start: int = 0) -> None:
        self.log = MemoryLog(records={PARTITION: records})
        self.log.high[PARTITION] = end if end is not None else len(records)
        self.archive, self.images = MemoryArchive(), MemoryImages()
        self.ledger = MemoryLedger(customers={CUSTOMER})
        self.slice_id = self.ledger.add_slice(PARTITION, start, self.log.high[PARTITION])
        self.now = 0.0
        self.rules = ProofRules()

    def process(self, limits: IngestLimits = LIMITS) -> SliceCommit:
        """Process the slice and return what was committed."""
        servers = (self.ledger, self.log, self.archive, self.images)
        ports = IngestPorts(*servers, "/photos", lambda: self.now, self.rules)
        process_slice(self.slice_id, "run", ports, limits)
        return self.ledger.commits[self.slice_id]

    def pass_time(self, seconds: Iterable[float]) -> None:
        """Let it pass while photos are handed over, so many seconds for each."""
        passing, submit = iter(seconds), self.images.submit

        def slow(data: bytes) -> "Future[ProcessedImage]":
            self.now += next(passing)
            return submit(data)

        self.images = _Submitting(slow)  # type: ignore[assignment] # as much of the port as is called


def outcomes(commit: SliceCommit) -> list[tuple[int, Outcome]]:
    """Offset and outcome of each record."""
    return [(record.offset, record.outcome) for record in commit.records]


class TestOutcomes:
    """What each record comes to."""

    def test_good_bad_and_repeated(self) -> None:
        """A photo is processed, its repeat a duplicate, a bad one and its repeat rejected for the same reason."""
        data = [b"one", b"bad", b"one", b"bad"]
        commit = World([photo_record(offset, item) for offset, item in enumerate(data)]).process()
        assert outcomes(commit) == [
            (0, Outcome.PROCESSED),
            (1, Outcome.REJECTED),
            (2, Outcome.DUPLICATE),
            (3, Outcome.REJECTED),
        ]
        assert commit.records[3].reason is RejectReason.CORRUPT
        assert len(commit.photos) == 1

    def test_unknown_customer_is_rejected_without_decoding(self) -> None:
        """A record that names nobody is not worth a worker's time; nor is kept what it is called, or what sent it."""
        world = World([photo_record(0, b"one", uuid4())])
        commit = world.process()
        (refused,) = commit.records
        assert refused.reason is RejectReason.UNKNOWN_CUSTOMER
        assert (refused.filename, refused.device_id) == (None, None)
        assert world.images.most_held == 0

    def test_what_was_erased_is_refused_and_says_nothing_of_itself(self) -> None:
        """By its photo or its customer, whatever is wrong with it besides: no worker, no shard, no name is kept."""
        erased, of_erased = photo_record(0, b"one"), photo_record(1, b"two", uuid4())
        broken = replace(photo_record(2, b"three", uuid4()), key=b"another")
        world = World([erased, of_erased, broken, photo_record(3, b"four")])
        world.ledger.erased_ids = {photo_id_for(CUSTOMER, sha256_hex(b"one"))}
        world.ledger.erased_ids |= {UUID(dict(each.headers)["ce_subject"].decode()) for each in (of_erased, broken)}
        commit = world.process()
        *refused, taken = commit.records
        assert {record.reason for record in refused} == {RejectReason.ERASED}
        assert {(record.photo_id, record.event_id, record.filename) for record in refused} == {(None, None, None)}
        assert {record.device_id for record in refused} == {None}
        assert (taken.outcome, len(commit.photos)) == (Outcome.PROCESSED, 1)
        assert taken.device_id == commit.photos[0].device_id == DEVICE

    def test_what_was_erased_meanwhile_is_left_out_by_the_next_attempt(self) -> None:
        """The first one commits nothing and leaves no file; the slice is given back, and its other photo comes."""
        world = World([photo_record(0, b"one"), photo_record(1, b"two")])
        world.ledger.erased_meanwhile = {photo_id_for(CUSTOMER, sha256_hex(b"one"))}
        with pytest.raises(PhotoErasedError):
            world.process()
        assert (world.archive.files, world.ledger.released) == ({}, [world.slice_id])
        world.ledger.erased_ids = world.ledger.erased_meanwhile
        assert outcomes(world.process()) == [(0, Outcome.REJECTED), (1, Outcome.PROCESSED)]

    @pytest.mark.parametrize("data", [b"one", b"bad"])
    def test_so_is_what_a_customer_sent_who_was_erased_meanwhile(self, data: bytes) -> None:
        """A photo that no row named yet, and one that is refused: its dead letter would be a copy of it."""
        world = World([photo_record(0, data)])
        world.ledger.erased_meanwhile = {CUSTOMER}
        with pytest.raises(PhotoErasedError):
            world.process()
        assert world.archive.files == {}
        world.ledger.erased_ids = world.ledger.erased_meanwhile
        assert [record.reason for record in world.process().records] == [RejectReason.ERASED]

    def test_customer_is_asked_for_once_per_slice(self) -> None:
        """The number of questions to the database does not grow with the photos."""
        world = World([photo_record(offset, f"photo {offset}".encode()) for offset in range(50)])
        world.process()
        assert world.ledger.customer_queries == 1

    def test_slice_without_photos_has_no_shard(self) -> None:
        """No file is made for nothing."""
        world = World([photo_record(0, b"bad")])
        assert world.process().shard is None
        assert world.archive.files == {}


class TestOffsets:
    """Every offset of the range is accounted for."""

    def test_offsets_without_record_are_absent(self) -> None:
        """Transaction markers and aborted records leave no hole in the ledger."""
        commit = World([photo_record(1, b"one"), photo_record(4, b"two")], end=6).process()
        absent = [record.offset for record in commit.records if record.outcome is Outcome.ABSENT]
        assert absent == [0, 2, 3, 5]
        assert commit.records[0].reason is AbsentReason.NO_RECORD

    def test_what_kafka_deleted_is_recorded_as_such(self) -> None:
        """Records that Kafka removed before they were read are named, and the rest is processed."""
        world = World([photo_record(3, b"one")], end=4)
        world.log.low[PARTITION] = 3
        commit = world.process()
        assert [record.reason for record in commit.records[:3]] == [AbsentReason.DELETED_BY_KAFKA] * 3
        assert commit.records[3].outcome is Outcome.PROCESSED

    def test_everything_deleted(self) -> None:
        """A slice of which Kafka has nothing left still ends."""
        world = World([], end=4)
        world.log.low[PARTITION] = 10
        assert len(world.process().records) == 4

    def test_out_of_range_without_deletion_is_an_error(self) -> None:
        """When Kafka refuses an offset that it says it has, nothing is made up."""
        world = World([], end=4)
        world.log.low[PARTITION] = 1
        world.log.watermarks = lambda topics: {PARTITION: Watermarks(0, 4)}  # type: ignore[assignment,method-assign] # a broker that contradicts itself
        with pytest.raises(OffsetOutOfRangeError):
            world.process()

    def test_byte_limit_commits_short(self) -> None:
        """Reading stops at the limit; ``end`` is what was really read."""
        records = [photo_record(offset, bytes([offset]) * 10) for offset in range(10)]
        commit = World(records).process(replace(LIMITS, slice_max_bytes=sum(each.size for each in records[:3])))
        assert (commit.end, len(commit.records)) == (3, 3)

    @given(st.sets(st.integers(0, 30)), st.integers(1, 20_000))
    def test_records_cover_the_range(self, offsets: set[int], max_bytes: int) -> None:
        """Whatever offsets hold records and wherever the byte limit falls: no hole, no offset twice."""
        records = [photo_record(offset, f"photo {offset}".encode()) for offset in sorted(offsets)]
        commit = World(records, end=31).process(replace(LIMITS, slice_max_bytes=max_bytes))
        assert [record.offset for record in commit.records] == list(range(commit.end))
        read = sum(each.size for each in records if each.coordinates.offset < commit.end)
        assert commit.end == 31 or max_bytes <= read


class TestShard:
    """The file that a slice leaves."""

    def test_index_points_to_the_bytes(self) -> None:
        """Each rendition's offset and length cut exactly its bytes out of the tar, in offset order."""
        world = World([photo_record(offset, f"photo {offset}".encode()) for offset in range(3)])
        commit = world.process()
        assert commit.shard is not None
        assert commit.shard.path == "/photos/archive/dt=2026-05-04/photos.uploaded-0-0-3-1.tar"
        content = world.archive.files[commit.shard.path]
        assert len(content) == commit.shard.length
        for number, photo in enumerate(commit.photos):
            original = photo.renditions[0]
            assert content[original.offset : original.offset + original.length] == f"photo {number}".encode()
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            assert len(tar.getnames()) == 12

    def test_attempts_never_share_a_file(self) -> None:
        """A second attempt writes under another name, so a zombie cannot touch what was committed."""
        world = World([photo_record(0, b"one")])
        world.ledger.attempts[world.slice_id] = 6
        commit = world.process()
        assert commit.shard is not None
        assert commit.shard.path.endswith("-7.tar")


class TestMemory:
    """What is held at a time does not grow with the slice."""

    @given(st.lists(st.integers(1, 400), min_size=1, max_size=40), st.integers(1, 5))
    def test_bytes_in_flight_are_bounded(self, sizes: list[int], photos: int) -> None:
        """However slow the workers and small the photos, at most the limit and one photo more wait for them.

        What becomes of a photo takes room as well, while it waits for those before it.
        """
        records = [photo_record(offset, offset.to_bytes(2, "big") * size) for offset, size in enumerate(sizes)]
        world = World(records)
        world.images.lazy = True
        world.process(replace(LIMITS, in_flight_bytes=photos * RENDITIONS_BYTES))
        assert world.images.most_held <= (photos + 1) * 2 * max(sizes)


class TestTime:
    """No slice goes on for longer than its time."""

    def test_time_over_commits_short(self) -> None:
        """Nothing more is begun; what is in flight is finished, and the next slice goes on behind it."""
        world = World([photo_record(offset, bytes([offset])) for offset in range(10)])
        world.images.lazy = True
        world.pass_time([10.0] * 10)
        commit = world.process(replace(LIMITS, slice_seconds=25, in_flight_bytes=10**9))
        assert (commit.end, len(commit.photos), len(commit.records)) == (3, 3, 3)
        assert commit.shard is not None
        assert commit.shard.path.endswith("-0-3-1.tar")

    def test_what_is_not_ready_in_overtime_is_the_next_slices(self) -> None:
        """A photo that takes very long does not hold up those before it, and nothing overtakes it."""
        records = [photo_record(0, b"one"), photo_record(1, b"slow"), photo_record(2, b"two")]
        records = [replace(each, leader_epoch=each.coordinates.offset) for each in records]
        world, waiting = World(records), Future[ProcessedImage]()
        submit = world.images.submit
        world.images = _Submitting(lambda data: waiting if data == b"slow" else submit(data))  # type: ignore[assignment] # as much of the port as is called
        commit = world.process(replace(LIMITS, slice_seconds=0.01, in_flight_bytes=10**9))
        assert outcomes(commit) == [(0, Outcome.PROCESSED)]
        assert (commit.end, commit.leader_epoch, len(commit.photos)) == (1, 0, 1)
        assert waiting.cancelled()

    def test_the_first_record_is_waited_for(self) -> None:
        """Else a photo that takes longer than a slice's time would be begun again for ever."""
        world, waiting = World([photo_record(0, b"slow"), photo_record(1, b"two")]), Future[ProcessedImage]()
        world.images = _Submitting(lambda _: waiting)  # type: ignore[assignment] # as much of the port as is called
        ready = Timer(0.1, lambda: waiting.set_result(processed_image(b"slow")))
        ready.start()
        commit = world.process(replace(LIMITS, slice_seconds=0.001))
        ready.join()
        assert outcomes(commit)[0] == (0, Outcome.PROCESSED)

    @given(st.lists(st.floats(0, 30), min_size=1, max_size=30))
    def test_slices_follow_each_other_without_a_hole(self, seconds: list[float]) -> None:
        """Wherever time runs out, each slice brings something, and all of them together every record once."""
        world = World([photo_record(offset, bytes([offset])) for offset in range(len(seconds))])
        world.pass_time(seconds)
        covered: list[int] = []
        while len(covered) < len(seconds):
            world.slice_id = world.ledger.add_slice(PARTITION, len(covered), len(seconds))
            commit = world.process(replace(LIMITS, slice_seconds=20))
            assert commit.records
            covered += [record.offset for record in commit.records]
        assert covered == list(range(len(seconds)))


class TestLease:
    """Who may commit."""

    def test_committed_slice_is_not_processed_again(self) -> None:
        """A task that runs again after its commit reads nothing and says the same."""
        world = World([photo_record(0, b"one")])
        first = world.process()
        world.log.records.clear()
        assert world.process() is first

    def test_busy_slice_is_left_alone(self) -> None:
        """Another live worker's slice is not touched."""
        world = World([photo_record(0, b"one")])
        world.ledger.busy = True
        with pytest.raises(SliceBusyError):
            world.process()
        assert world.archive.files == {}

    def test_lost_lease_commits_nothing(self) -> None:
        """A worker whose slice was taken over while it worked is stopped by the commit."""
        world = World([photo_record(0, b"one")])
        submit: Callable[[bytes], object] = world.images.submit

        def taken_over(data: bytes) -> object:
            world.ledger.take_over(world.slice_id)
            return submit(data)

        world.images = _Submitting(taken_over)  # type: ignore[assignment] # as much of the port as is called
        with pytest.raises(LeaseLostError):
            world.process()
        assert world.ledger.commits == {}

    def test_failed_slice_is_given_back(self) -> None:
        """After an error the slice is free for the next attempt at once."""
        world = World([], end=4)
        world.log.read = _failing  # type: ignore[method-assign,assignment] # a broker that breaks
        with pytest.raises(OSError, match="broken"):
            world.process()
        assert world.ledger.released == [world.slice_id]

    def test_a_busy_machine_costs_an_attempt_and_no_photo(self) -> None:
        """Nothing is committed, the slice is free for the next attempt, and that one processes the photo."""
        world = World([photo_record(0, b"one"), photo_record(1, b"two")])
        images = world.images
        world.images = _Submitting(_held_up)  # type: ignore[assignment] # as much of the port as is called
        with pytest.raises(MachineBusyError):
            world.process()
        assert (world.ledger.commits, world.ledger.released) == ({}, [world.slice_id])
        world.images = images
        assert [record.outcome for record in world.process().records] == [Outcome.PROCESSED, Outcome.PROCESSED]

    def test_what_was_done_before_it_stays(self) -> None:
        """Or a machine that is short of memory once in each slice's time would never come further."""
        world = World([photo_record(0, b"one"), photo_record(1, b"two"), photo_record(2, b"three")])
        submit = world.images.submit
        world.images = _Submitting(lambda data: _held_up(data) if data == b"two" else submit(data))  # type: ignore[assignment] # as much of the port as is called
        commit = world.process()
        assert ([record.offset for record in commit.records], commit.end) == ([0], 1)

    def test_headers_count_as_bytes(self) -> None:
        """A record of a few bytes may have headers of many megabytes."""
        small = photo_record(0, b"one")
        large = replace(small, headers=[*small.headers, ("x", bytes(2_000_000))])
        assert large.size > 2_000_000
        other = photo_record(1, b"two")
        assert World([large, other]).process().end == 1

    def test_progress_report_may_fail(self) -> None:
        """The consumer group is for monitoring: a failure to commit it does not fail the slice."""
        world = World([photo_record(0, b"one")])
        world.log.away = True
        assert len(world.process().records) == 1


class _Submitting:
    def __init__(self, submit: Callable[[bytes], object]) -> None:
        self.submit = submit


def _held_up(_: bytes) -> "Future[object]":
    future: Future[object] = Future()
    future.set_exception(MachineBusyError("a worker waited 300 s"))
    return future


def _failing(*_: object) -> None:
    raise OSError("broken")


def test_plan_is_bounded_by_records() -> None:
    """A run plans at most the limit for each partition."""
    log, ledger = MemoryLog(high={PARTITION: 1000}), MemoryLedger()
    (planned,) = plan_micro_batch(ledger, log, ["photos.uploaded"], LIMITS, "run")
    assert planned.end - planned.start == LIMITS.slice_max_records


class TestSenders:
    """Who may have sent a record."""

    def test_five_hundred_senders_are_asked_about_together(self) -> None:
        """A slice of as many customers and devices asks the database a few times, not once for each."""
        records, devices = [], {}
        platform, camera = new_key(), new_key()
        for offset in range(500):
            customer, device = UUID(int=offset), UUID(int=1000 + offset)
            plain = photo_record(offset, f"{offset}".encode(), customer)
            headers = [(name, b"photo.streamed.v1" if name == "ce_type" else value) for name, value in plain.headers]
            token = proof(camera, str(device), headers, PARTITION.topic, iat=int(NOON.timestamp()))
            records.append(replace(plain, headers=[*headers, ("ce_proof", token)]))
            devices[device] = SigningDevice(customer, x_of(camera), None)
        world = World(records)
        world.ledger.customers, world.ledger.devices = {each.customer_id for each in devices.values()}, devices
        world.rules = ProofRules({str(platform.kid): platform}, take_unsigned=False)
        commit = world.process(replace(LIMITS, slice_max_records=500))
        assert {record.outcome for record in commit.records} == {Outcome.PROCESSED}
        assert (world.ledger.customer_queries, world.ledger.device_queries) == (5, 5)

    def test_a_record_that_proves_nothing_is_nobodys(self) -> None:
        """Whoever can write to Kafka fills nobody's list of refused photos: neither good records nor broken ones."""
        platform = new_key()
        world = World([photo_record(0, b"one"), replace(photo_record(1, b"two"), key=b"another")])
        world.rules = ProofRules({str(platform.kid): platform}, take_unsigned=False)
        first, second = world.process().records
        assert (first.reason, second.reason) == (RejectReason.UNSIGNED, RejectReason.PHOTO_ID_MISMATCH)
        assert (first.customer_id, first.photo_id, second.customer_id) == (None, None, None)
        assert world.images.most_held == 0

    def test_other_bytes_than_were_signed_for_are_nobodys(self) -> None:
        """Whoever kept one signed record, and may write, fills no list with it: a proof is about headers."""
        platform = new_key()
        good = photo_record(0, b"one")
        token = proof(platform, str(platform.kid), good.headers, PARTITION.topic, iat=int(NOON.timestamp()))
        world = World([replace(good, value=b"two", headers=[*good.headers, ("ce_proof", token)])])
        world.rules = ProofRules({str(platform.kid): platform}, take_unsigned=False)
        (only,) = world.process().records
        assert (only.reason, only.customer_id) == (RejectReason.SHA256_MISMATCH, None)
