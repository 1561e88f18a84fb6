"""A producer that knows nothing of the web applications, and a consumer of the dead letters.

The producer sends what the applications would have refused, so that the pipeline itself has to deal with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from local_stack.demo.customer import Coordinates
from local_stack.demo.errors import NotAcknowledgedError, StalledError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from confluent_kafka import Message

    from local_stack.demo.customer import Customer
    from local_stack.demo.places import Places

STREAMED = "photos.streamed"
REJECTED = "photos.rejected"
MAX_MESSAGE_BYTES = 33 * 1024 * 1024
ACKNOWLEDGE_SECONDS = 30.0
DEAD_LETTER_SECONDS = 90.0
POLL_SECONDS = 1.0

Headers = list[tuple[str, bytes]]


def photo_event(customer_id: str, data: bytes, filename: str) -> tuple[bytes, Headers]:
    """Return key and headers of a streamed photo: CloudEvents 1.0, Kafka binding, binary mode.

    The key is the photo's id, a UUIDv5 of the customer and the sha256 of the bytes.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_type": "photo.streamed.v1",
        "ce_source": "/demo/raw-producer",
        "ce_subject": customer_id,
        "ce_time": datetime.now(UTC).isoformat(),
        "ce_sha256": sha256,
        "ce_filename": filename,
        "content-type": "image/jpeg",
    }
    key = str(uuid.uuid5(uuid.UUID(customer_id), sha256)).encode()
    return key, [(name, value.encode()) for name, value in attributes.items()]


@dataclass(frozen=True, slots=True)
class Signer:
    """A device that signs what it writes to Kafka, with a key that it has made itself.

    Attributes:
        device_id: Whose signature it is.
        key: Private, Ed25519.
    """

    device_id: str
    key: Ed25519PrivateKey

    @classmethod
    def registered(cls, customer: Customer) -> Signer:
        """Return a new device of the customer's."""
        key = Ed25519PrivateKey.generate()
        public = {"kty": "OKP", "crv": "Ed25519", "x": _base64url(key.public_key().public_bytes_raw())}
        return cls(customer.signing_device("Raw producer", public), key)

    def signed(self, headers: Headers) -> Headers:
        """Return the headers and a compact JWS (RFC 7515, 7.1) over them and the topic."""
        header = {"alg": "EdDSA", "typ": "photo-record+jwt", "kid": self.device_id}
        said = {name: value.decode() for name, value in headers}
        claims = {"iat": int(time.time()), "topic": STREAMED, "headers": said}
        text = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        return [*headers, ("ce_proof", f"{text}.{_base64url(self.key.sign(text.encode()))}".encode())]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def produce(places: Places, records: Sequence[tuple[bytes | None, bytes, Headers]]) -> list[Coordinates]:
    """Write records (key, value, headers) to ``photos.streamed``; return where each one landed, in order.

    Raises:
        NotAcknowledgedError: Kafka did not take one of them.
    """
    producer = Producer({**_client(places), "enable.idempotence": True, "message.max.bytes": MAX_MESSAGE_BYTES})
    landed: dict[int, Coordinates] = {}
    for number, (key, value, headers) in enumerate(records):
        producer.produce(STREAMED, value, key, headers=[*headers], on_delivery=_noting(landed, number))
    producer.flush(ACKNOWLEDGE_SECONDS)
    if len(landed) != len(records):
        raise NotAcknowledgedError(
            f"Kafka at {places.kafka} took {len(landed)} of {len(records)} records of the raw producer"
        )
    return [landed[number] for number in range(len(records))]


def dead_letters(places: Places, expected: Collection[Coordinates], since: datetime) -> Counter[str]:
    """Wait until each of these records has its dead letter; return how many there are per reason.

    Args:
        places: Where Kafka is.
        expected: The rejected records.
        since: Nothing older is read.

    Raises:
        StalledError: One did not come.
    """
    found: dict[Coordinates, str] = {}
    consumer = Consumer(
        {
            **_client(places),
            "group.id": "demo",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
        }
    )
    try:
        _assign_since(consumer, since)
        deadline = time.monotonic() + DEAD_LETTER_SECONDS
        while not set(expected) <= found.keys():
            if time.monotonic() > deadline:
                waited = f"waiting for {len(set(expected) - found.keys())} dead letters in {REJECTED}"
                raise StalledError(waited, DEAD_LETTER_SECONDS, "the DAG photo_ingest")
            for message in consumer.consume(100, POLL_SECONDS):
                _note_letter(message, found)
    except KafkaException as error:
        raise NotAcknowledgedError(f"Kafka at {places.kafka} cannot be read: {error.args[0]}") from error
    finally:
        consumer.close()
    return Counter(found[at] for at in set(expected))


def _client(places: Places) -> dict[str, str]:
    return {"bootstrap.servers": places.kafka, **places.kafka_client}


def _noting(landed: dict[int, Coordinates], number: int) -> Callable[[object, Message], None]:
    def note(error: object, message: Message) -> None:
        if error is None:
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            landed[number] = Coordinates(str(topic), int(partition or 0), int(offset or 0))

    return note


def _assign_since(consumer: Consumer, since: datetime) -> None:
    partitions = consumer.list_topics(REJECTED, ACKNOWLEDGE_SECONDS).topics[REJECTED].partitions
    # Where nothing is that young yet, Kafka answers "the end", which may have moved by the time it is looked for.
    ends = {number: consumer.get_watermark_offsets(TopicPartition(REJECTED, number))[1] for number in partitions}
    moment = int(since.timestamp() * 1000)
    wanted = [TopicPartition(REJECTED, number, moment) for number in partitions]
    found = consumer.offsets_for_times(wanted, ACKNOWLEDGE_SECONDS)
    starts = {at.partition: at.offset if at.offset >= 0 else ends[at.partition] for at in found}
    consumer.assign([TopicPartition(REJECTED, number, start) for number, start in starts.items()])


def _note_letter(message: Message, found: dict[Coordinates, str]) -> None:
    if message.error() is not None:
        return
    headers = {name: value.decode() for name, value in _headers(message) if name.startswith("reject_")}
    at = Coordinates(headers["reject_topic"], int(headers["reject_partition"]), int(headers["reject_offset"]))
    found[at] = headers["reject_reason"]


def _headers(message: Message) -> list[tuple[str, bytes]]:
    headers = message.headers()
    pairs = headers.items() if isinstance(headers, dict) else headers or []
    return [(name, value) for name, value in pairs if isinstance(value, bytes)]
