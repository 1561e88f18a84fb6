"""Who sends what, by which way: the demo's photos on their way in."""

from __future__ import annotations

import functools
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from local_stack.demo.corpus import BOMB_EDGE, PhotoFile, odd_files, pixel_bomb, truncated_jpeg
from local_stack.demo.kafka import Headers, Signer, photo_event, produce

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local_stack.demo.camera import Answers, Camera
    from local_stack.demo.customer import Coordinates, Customer, Receipt, Refusal
    from local_stack.demo.places import Places

FILES_PER_REQUEST = 8
CONCURRENT_REQUESTS = 4
REPEATED = 2
STREAMED_OF_FIVE = 2
STRAY_BYTES = 20_000

Load = Callable[[], PhotoFile]
"""Gives a photo when it is to be sent: a reader's folder may be larger than memory."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A customer with what they hold: their account, their camera, and the photos for each.

    Attributes:
        customer: For uploads.
        camera: For streaming.
        uploads: What goes through the upload API.
        frames: What goes through the stream application.
    """

    customer: Customer
    camera: Camera
    uploads: Sequence[Load]
    frames: Sequence[Load]


@dataclass(slots=True)
class Sent:
    """What the senders know afterwards. Filled from several threads.

    Attributes:
        receipts: By customer id.
        refused: Files that were not taken at the door, with the customer's name.
        planted: Records of the raw producer that name a customer, by that customer's id.
        strays: Records of the raw producer that name no customer of ours.
    """

    receipts: dict[str, list[Receipt]] = field(default_factory=dict)
    refused: list[tuple[str, Refusal]] = field(default_factory=list)
    planted: dict[str, list[Coordinates]] = field(default_factory=dict)
    strays: list[Coordinates] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, customer: Customer, receipts: Sequence[Receipt], refused: Sequence[Refusal] = ()) -> None:
        """Keep what an application answered."""
        with self.lock:
            self.receipts.setdefault(customer.customer_id, []).extend(receipts)
            self.refused.extend((customer.name, refusal) for refusal in refused)


def share_out(photos: Sequence[Load], people: int) -> Iterator[tuple[list[Load], list[Load]]]:
    """Deal the photos out to that many customers; of each one's, two of five are for the camera."""
    for person in range(people):
        own = photos[person::people]
        streamed = [number % 5 < STREAMED_OF_FIVE for number in range(len(own))]
        yield (
            [load for load, is_streamed in zip(own, streamed, strict=True) if not is_streamed],
            [load for load, is_streamed in zip(own, streamed, strict=True) if is_streamed],
        )


def send_photos(senders: Sequence[Sender], sent: Sent, advance: Callable[[int], object]) -> None:
    """Upload and stream everything, at the same time: several files per request, several requests at once.

    Each customer's uploads hold some photos twice, one that is cut off, and files that are no photos.
    """
    with ThreadPoolExecutor(CONCURRENT_REQUESTS + 2 * len(senders)) as pool:
        jobs = []
        for sender in senders:
            half = len(sender.frames) // 2
            jobs += [pool.submit(_upload, sender.customer, batch, sent, advance) for batch in _requests(sender)]
            jobs.append(pool.submit(_stream, sender, sender.camera.post, sender.frames[:half], sent, advance))
            jobs.append(pool.submit(_stream, sender, sender.camera.stream, sender.frames[half:], sent, advance))
        for job in jobs:
            job.result()


def send_again(senders: Sequence[Sender], sent: Sent, advance: Callable[[int], object]) -> None:
    """Send photos by the other way than the first time: still the same photos, so duplicates."""
    for sender in senders:
        _upload(sender.customer, sender.frames[:REPEATED], sent, advance)
        _stream(sender, sender.camera.post, sender.uploads[:REPEATED], sent, advance)


def count_photos(senders: Sequence[Sender]) -> int:
    """Return how many files ``send_photos`` offers."""
    return sum(len(sender.frames) + sum(len(batch) for batch in _requests(sender)) for sender in senders)


def produce_what_no_application_would(places: Places, customer: Customer, sent: Sent) -> int:
    """Write records that only the pipeline can refuse; return how many.

    A cut-off photo and a pixel bomb with all the right headers, signed by a device of the customer's; noise with no
    headers, and a photo of an unknown customer.
    """
    signer = Signer.registered(customer)
    noise = Random(0)  # noqa: S311 - repeatable noise, not a secret
    cut, bomb = truncated_jpeg(1), PhotoFile("bomb.png", pixel_bomb(BOMB_EDGE, BOMB_EDGE))
    planted = [_record(customer.customer_id, file, signer) for file in (cut, bomb)]
    headless: list[tuple[bytes | None, bytes, Headers]] = [(None, noise.randbytes(STRAY_BYTES), []) for _ in range(2)]
    strays = [*headless, _record(str(uuid.uuid4()), cut)]
    landed = produce(places, [*planted, *strays])
    sent.planted[customer.customer_id] = landed[: len(planted)]
    sent.strays = landed[len(planted) :]
    return len(landed)


def _record(customer_id: str, file: PhotoFile, signer: Signer | None = None) -> tuple[bytes, bytes, Headers]:
    key, headers = photo_event(customer_id, file.data, file.name)
    return key, file.data, headers if signer is None else signer.signed(headers)


def _requests(sender: Sender) -> list[list[Load]]:
    """Split a customer's uploads into requests, and hide between them what should not get through."""
    files = [*sender.uploads, *sender.uploads[:REPEATED], *map(_constant, _odd())]
    requests = -(-len(files) // FILES_PER_REQUEST)
    return [files[number::requests] for number in range(requests)]


@functools.cache
def _odd() -> tuple[PhotoFile, ...]:
    return (*odd_files(), truncated_jpeg())


def _constant(file: PhotoFile) -> Load:
    return lambda: file


def _upload(customer: Customer, batch: Sequence[Load], sent: Sent, advance: Callable[[int], object]) -> None:
    receipts, refused = customer.upload([load() for load in batch])
    sent.note(customer, receipts, refused)
    advance(len(batch))


def _stream(
    sender: Sender,
    push: Callable[[Iterator[PhotoFile], Callable[[], object]], Answers],
    frames: Sequence[Load],
    sent: Sent,
    advance: Callable[[int], object],
) -> None:
    sent.note(sender.customer, *push((load() for load in frames), lambda: advance(1)))
