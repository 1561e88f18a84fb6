"""The demo from its beginning to its end."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local_stack.demo import figures, tables
from local_stack.demo.accounts import settle
from local_stack.demo.airflow import run_dag, wait_until_idle
from local_stack.demo.camera import Camera
from local_stack.demo.corpus import DEFAULT_COUNT, PhotoFile, make_photo, make_photos
from local_stack.demo.customer import Customer
from local_stack.demo.errors import FiguresDifferError, StalledError
from local_stack.demo.folder import find_photos, load
from local_stack.demo.kafka import dead_letters
from local_stack.demo.narrator import Narrator
from local_stack.demo.sending import (
    Load,
    Sender,
    Sent,
    count_photos,
    produce_what_no_application_would,
    send_again,
    send_photos,
    share_out,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from local_stack.demo.accounts import Account
    from local_stack.demo.customer import Coordinates
    from local_stack.demo.places import Places

NAMES = ("Ada", "Grace")
INGEST_DAG = "photo_ingest"
SYNC_DAG = "photo_bi_sync"
SINGLE_UPLOADS = 8
SINGLE_SEED = 77
POLL_SECONDS = 1.0
QUICK_POLL_SECONDS = 0.1
STALL_SECONDS = 150.0
SYNC_TRIES = 4
CLOCK_SLACK = timedelta(minutes=1)


@dataclass(slots=True)
class Story:
    """One run of the demo.

    Attributes:
        places: The servers.
        console: Where to print.
        folder: The reader's photos, or none for painted ones.
        limit: How many of them at most.
        single_uploads: How many uploads are timed.
        began: Nothing of this run is older.
        sent: What the senders know.
    """

    places: Places
    console: Console
    folder: Path | None
    limit: int
    single_uploads: int = SINGLE_UPLOADS
    began: datetime = field(default_factory=lambda: datetime.now(UTC) - CLOCK_SLACK)
    sent: Sent = field(default_factory=Sent)

    def tell(self) -> None:
        """Run the demo and print what happened.

        Raises:
            StackError: One of its kinds: a figure differs, or something did not answer, not do or not end.
        """
        photos = self._photos()
        customers = self._sign_up()
        try:
            senders = self._senders(customers, photos)
            self._send(senders)
            freshness = self._measure_freshness(customers[0])
            self._sync()
            self._conclude(customers, freshness)
        finally:
            for customer in customers:
                customer.close()

    @property
    def _narrator(self) -> Narrator:
        return Narrator(self.console)

    def _photos(self) -> Sequence[Load]:
        if self.folder is None:
            with self._narrator.step("painting photos in every format", DEFAULT_COUNT) as step:
                return [_held(photo) for photo in make_photos(made=step.advance)]
        paths, left_out = find_photos(self.folder, self.limit)
        more = f", {left_out} more left out (copies, or beyond PHOTOS_LIMIT={self.limit})" if left_out else ""
        self._narrator.say(f"{len(paths)} photos from {self.folder}{more}")
        return [_on_disk(path) for path in paths]

    def _sign_up(self) -> list[Customer]:
        with self._narrator.step("signing up two customers"):
            run = f"{datetime.now(UTC):%y%m%d%H%M%S}{secrets.token_hex(2)}"
            trusted = self.places.trusted
            return [
                Customer(self.places.api, name, f"{name.lower()}-{run}@example.com", secrets.token_urlsafe(9), trusted)
                for name in NAMES
            ]

    def _senders(self, customers: Sequence[Customer], photos: Sequence[Load]) -> list[Sender]:
        shares = share_out(photos, len(customers))
        return [
            Sender(customer, self._camera(customer), uploads, frames)
            for customer, (uploads, frames) in zip(customers, shares, strict=True)
        ]

    def _camera(self, customer: Customer) -> Camera:
        return Camera(self.places.stream, customer.device_token("Garden camera"), self.places.trusted)

    def _send(self, senders: Sequence[Sender]) -> None:
        with self._narrator.step("uploading and streaming", count_photos(senders)) as step:
            send_photos(senders, self.sent, step.advance)
        with self._narrator.step("writing to Kafka what no application would"):
            produce_what_no_application_would(self.places, senders[0].customer, self.sent)
        self._wait_until_settled([sender.customer for sender in senders], "processing in micro-batches")
        with self._narrator.step("sending some photos again, the other way"):
            send_again(senders, self.sent, lambda _: None)
        self._wait_until_settled([sender.customer for sender in senders], "settling the duplicates")

    def _wait_until_settled(self, customers: Sequence[Customer], title: str) -> None:
        total = sum(map(len, self.sent.receipts.values())) + len(self._raw_records())
        with self._narrator.step(title, total) as step:
            for _ in self._until_stalled(title, lambda: step.done):
                step.advance(self._settled(customers) - step.done)
                if step.done == total:
                    return

    def _settled(self, customers: Sequence[Customer]) -> int:
        own = (customer.states(self.sent.receipts[customer.customer_id]) for customer in customers)
        settled = sum(state != "pending" for states in own for state in states)
        return settled + len(figures.outcomes_of(self.places, self._raw_records()))

    def _raw_records(self) -> list[Coordinates]:
        return [*self.sent.strays, *(record for records in self.sent.planted.values() for record in records)]

    def _measure_freshness(self, customer: Customer) -> list[float]:
        seconds = []
        with self._narrator.step("timing single uploads on the idle platform", self.single_uploads) as step:
            for number in range(self.single_uploads):
                wait_until_idle(self.places, INGEST_DAG)
                receipts, _ = customer.upload([make_photo(number, SINGLE_SEED)])
                began = time.monotonic()
                self.sent.note(customer, receipts)
                for _ in self._until_stalled("waiting for a single upload", lambda: 0, QUICK_POLL_SECONDS):
                    if customer.sees(receipts[0].photo_id):
                        break
                seconds.append(time.monotonic() - began)
                step.advance()
        return seconds

    def _sync(self) -> None:
        """Let the DAG run now instead of within five minutes; open transactions may hold back its newest rows."""
        with self._narrator.step("syncing to Elasticsearch"):
            for _ in range(SYNC_TRIES):
                run_dag(self.places, SYNC_DAG)
                wanted = figures.in_ledger(self.places, self._question())
                if figures.in_search(self.places, self._question()) == wanted:
                    return

    def _question(self) -> figures.Question:
        return figures.Question(list(self.sent.receipts), self.sent.strays, self.began)

    def _conclude(self, customers: Sequence[Customer], freshness: Sequence[float]) -> None:
        question = self._question()
        with self._narrator.step("asking ledger, HDFS, PostgreSQL and Elasticsearch"):
            archived = figures.in_archive(self.places, question)
            accounts = settle(
                {customer.customer_id: customer.name for customer in customers},
                self._accepted(),
                figures.in_ledger(self.places, question),
                archived.photos,
                figures.in_photo_table(self.places, question),
                figures.in_search(self.places, question),
            )
        with self._narrator.step("reading the dead letters"):
            rejected = figures.rejected_records(self.places, question)
            letters = dead_letters(self.places, rejected, self.began)
        out = self.console.print
        out(tables.accounts_table(accounts))
        out(f"HDFS: {archived.shards} shards opened, {archived.length / 1e6:.1f} MB, every original's sha256 compared")
        out(tables.letters_table(letters))
        out(tables.refusals_table(self.sent.refused))
        out(tables.freshness_line(freshness), soft_wrap=True)
        for line in tables.where_to_look(self.places, customers):
            out(line, soft_wrap=True)
        _require_equal(accounts, archived.damaged)

    def _accepted(self) -> Counter[figures.Group]:
        accepted = Counter(
            (customer_id, figures.SOURCES[receipt.at.topic])
            for customer_id, receipts in self.sent.receipts.items()
            for receipt in receipts
        )
        for customer_id, records in self.sent.planted.items():
            accepted.update((customer_id, figures.SOURCES[record.topic]) for record in records)
        accepted.update((figures.NOBODY, figures.SOURCES[record.topic]) for record in self.sent.strays)
        return accepted

    def _until_stalled(
        self, waited_for: str, progress: Callable[[], int], poll_seconds: float = POLL_SECONDS
    ) -> Iterator[None]:
        """Go on as long as something moves.

        Raises:
            StalledError: Nothing has, for too long.
        """
        last, since = progress(), time.monotonic()
        while True:
            yield
            if progress() != last:
                last, since = progress(), time.monotonic()
            if time.monotonic() - since > STALL_SECONDS:
                raise StalledError(waited_for, STALL_SECONDS, f"{self.places.airflow}/dags/{INGEST_DAG}")
            time.sleep(poll_seconds)


def _require_equal(accounts: Sequence[Account], damaged: int) -> None:
    differences = [difference for account in accounts for difference in account.differences()]
    if damaged:
        differences.append(f"{damaged} originals on HDFS are not the ones that were sent")
    if differences:
        raise FiguresDifferError(differences)


def _held(photo: PhotoFile) -> Load:
    return lambda: photo


def _on_disk(path: Path) -> Load:
    return lambda: load(path)
