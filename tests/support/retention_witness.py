"""Remembers what was promised about every photo, and checks that the platform keeps to it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.support.retention import ROOT, Attempt, Platform

from photo_pipeline.domain.errors import PhotoExpiredError, UnknownCustomerError, UnknownPhotoError
from photo_pipeline.domain.photo import photo_id_for, sha256_hex
from photo_pipeline.domain.retention import KEEP, LATEST
from photo_pipeline.use_cases.retention import run_retention

HOUR = timedelta(hours=1)
SWEPT_WITHIN = timedelta(hours=4)
"""A dead file with its final name is noted by one run, and swept by one that comes an hour later or more."""
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Promise:
    """What is known of a photo from outside: its bytes, and since when nothing has kept it."""

    customer_id: UUID
    content: bytes
    committed: datetime
    lifted: datetime = NEVER

    @property
    def gone_by(self) -> datetime:
        """If it is not held: when nothing may be left of it. A hold that was lifted late had kept it until then."""
        return max(self.committed + KEEP, self.lifted) + LATEST


class Witness:
    """A platform's customers, its hourly schedule, and what they were promised."""

    def __init__(self, start: datetime) -> None:
        self.platform = Platform(start)
        self.next_run = start.replace(minute=0, second=0, microsecond=0) + HOUR
        self.promises: dict[UUID, Promise] = {}
        self.files: dict[str, datetime] = {}
        self.kept: dict[tuple[UUID, UUID | None], set[UUID]] = {}
        self.dead: dict[str, datetime] = {}
        """Until when dead files may still be there."""
        self.under_way: list[tuple[Attempt, UUID, tuple[bytes, ...]]] = []

    @property
    def now(self) -> datetime:
        """The time that everybody who is asked agrees on."""
        return self.platform.clock.now()

    def ingest(self, customer: UUID, *contents: bytes) -> None:
        """A slice is archived and committed."""
        self.begin(customer, *contents, renamed=True)
        self.commit(timedelta(0))

    def begin(self, customer: UUID, *contents: bytes, renamed: bool) -> None:
        """A worker writes a slice's file, under its staging or already its final name, and has not committed yet."""
        attempt = Attempt(self.platform, customer, contents)
        if renamed:
            attempt.rename()
        self.under_way.append((attempt, customer, contents))

    def commit(self, stamped_ago: timedelta) -> None:
        """The latest attempt that is under way goes on to its commit; the transaction began a while ago."""
        attempt, customer, contents = self.under_way.pop()
        if "/_staging/" in attempt.path:
            attempt.rename()
        self.files[attempt.path] = self.now
        for photo_id, content in zip(attempt.commit(stamped_ago), contents, strict=True):
            lifted = self.promises[photo_id].lifted if photo_id in self.promises else NEVER
            self.promises[photo_id] = Promise(customer, content, self.now, lifted)
            for hold, kept in self.kept.items():
                if hold in {(customer, None), (customer, photo_id)}:
                    kept.add(photo_id)

    def supersede(self) -> None:
        """The latest attempt that is under way loses its slice to another worker, and never comes back."""
        attempt, _, _ = self.under_way.pop()
        is_staged = "/_staging/" in attempt.path
        attempt.supersede(committed=not is_staged)
        self.dead[attempt.path] = self.now + (LATEST if is_staged else SWEPT_WITHIN)

    def place(self, customer: UUID, content: bytes | None) -> None:
        """A hold on a photo or on all of a customer's; it may be refused."""
        hold = (customer, _photo_id(customer, content))
        try:
            self.platform.ledger.place(*hold, "lawsuit", "counsel")
        except (PhotoExpiredError, UnknownCustomerError, UnknownPhotoError):
            return
        there = {known for known, photo in self.platform.ledger.photos.items() if photo.shard_id is not None}
        mine = {known for known in there if self.promises[known].customer_id == customer}
        self.kept.setdefault(hold, mine if content is None else {known for known in mine if known == hold[1]})

    def lift(self, customer: UUID, content: bytes | None) -> None:
        """A hold ends."""
        hold = (customer, _photo_id(customer, content))
        if self.platform.ledger.lift(*hold):
            for photo_id in self.kept.pop(hold):
                self.promises[photo_id].lifted = self.now

    def pass_until(self, time: datetime, delay: timedelta = timedelta(0)) -> None:
        """Time goes by; the hourly runs that fall into it begin somewhat late."""
        while (run_at := self.next_run + delay) <= time:
            self.next_run += HOUR
            self.platform.clock.time = max(run_at, self.now)
            run_retention(self.platform.ports)
            self.check_nothing_is_left_over()
        self.platform.clock.time = max(time, self.now)

    def check(self) -> None:
        """Both bounds, for every photo and every shard, now."""
        self.check_never_early()
        self.check_never_late()

    def check_never_early(self) -> None:
        """For 168 h from its latest commit, and as long as it is held, a photo can be had, byte for byte."""
        for photo_id, promise in self.promises.items():
            if self.now < promise.committed + KEEP or self.is_held(photo_id):
                assert self.platform.original(photo_id) == promise.content
        for photo in self.platform.ledger.photos.values():
            if photo.shard_id is not None:
                shard = self.platform.ledger.shards[photo.shard_id]
                assert shard.state != "removed"
                assert self.platform.archive.length(shard.path) == shard.length

    def check_never_late(self) -> None:
        """After 168 h + 2 h, nothing is left of a photo that no hold keeps, and no shard of a slice is there at all.

        A file that is still to be committed is another life of the photos in it; a dead one is due with the next run.
        """
        excused = {attempt.path for attempt, _, _ in self.under_way}
        excused |= {path for path, until in self.dead.items() if self.now <= until}
        files = [data for path, data in self.platform.archive.files.items() if path not in excused]
        for photo_id, promise in self.promises.items():
            if self.now > promise.gone_by and not self.is_held(photo_id):
                photo = self.platform.ledger.photos[photo_id]
                assert (photo.shard_id, photo.filename) == (None, None)
                assert not any(str(photo_id).encode() in data for data in files)
        for path, committed in self.files.items():
            assert self.now <= committed + KEEP + LATEST or path not in self.platform.archive.files

    def check_nothing_is_left_over(self) -> None:
        """After a run, every file is a shard or may become one, and a hold shard has what is held and nothing else."""
        ledger, files = self.platform.ledger, self.platform.archive.files
        may_be_there = {attempt.path for attempt, _, _ in self.under_way}
        may_be_there |= {path for path, until in self.dead.items() if "/_staging/" not in path and self.now <= until}
        assert ledger.named(files) <= set(files)
        assert set(files) <= ledger.named(files) | may_be_there
        for shard in ledger.shards.values():
            if shard.kind == "hold" and shard.state != "removed":
                inside = {known for known in ledger.photos if str(known).encode() in files[shard.path]}
                assert inside == {known for known, photo in ledger.photos.items() if photo.shard_id == shard.shard_id}
                assert all(self.is_held(photo_id) for photo_id in inside)
        assert not list(self.platform.archive.empty_folders(f"{ROOT}/archive"))

    def is_held(self, photo_id: UUID) -> bool:
        """By a hold that was placed before the photo was gone."""
        return any(photo_id in kept for kept in self.kept.values())


def _photo_id(customer: UUID, content: bytes | None) -> UUID | None:
    return None if content is None else photo_id_for(customer, sha256_hex(content))
