"""Writes photos straight to ``photos.streamed``, as any producer may that keeps the topic's contract.

Usage: KAFKA_BOOTSTRAP_SERVERS=host:port python kafka_producer.py --customer ID [--device ID --key key.pem] FILE...

The contract: a CloudEvents 1.0 event in Kafka's binary content mode. The value is the image, the key the photo's id,
and every attribute is a header. A record that breaks it ends as rejected, with a dead letter in ``photos.rejected``; it
never harms another. Where signed records are demanded, it also carries ``ce_proof``: a JWS by a device's own key, which
covers the other headers and the topic. Where they are not, whoever may write here can fill any customer's gallery.

``KAFKA_CLIENT_CONFIG`` may hold more settings of librdkafka as JSON, such as how to log in to a secured Kafka.
"""
# ruff: noqa: INP001, T201 - a script, and it talks to whoever runs it

import argparse
import base64
import hashlib
import json
import mimetypes
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4, uuid5

from confluent_kafka import KafkaError, Message, Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TOPIC = "photos.streamed"
LARGEST_PHOTO = 32 * 1024 * 1024
LARGEST_RECORD = 33 * 1024 * 1024


def main() -> None:
    """Read the command line, write, and say what Kafka acknowledged."""
    options = _options()
    producer = Producer(
        json.loads(os.environ.get("KAFKA_CLIENT_CONFIG") or "{}")
        | {
            "bootstrap.servers": options.bootstrap_servers,
            "acks": "all",  # with the next line: acknowledged means stored once, on every in-sync replica
            "enable.idempotence": True,
            "message.max.bytes": LARGEST_RECORD,
            "message.timeout.ms": 10_000,
            "queue.buffering.max.kbytes": 128 * 1024,
        }
    )
    failures: list[str] = []
    for path in options.files:
        _write(producer, options, path, failures)
    producer.flush()
    if failures:
        sys.exit("\n".join(failures))


def _write(producer: Producer, options: argparse.Namespace, path: Path, failures: list[str]) -> None:
    image = path.read_bytes()
    if len(image) > LARGEST_PHOTO:
        failures.append(f"{path}: larger than {LARGEST_PHOTO} bytes")
        return
    sha256 = hashlib.sha256(image).hexdigest()
    # The customer is the namespace and the digest the name: the same customer's same bytes are always the same photo.
    photo_id = uuid5(options.customer, sha256)

    def report(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(f"{path}: {error.str()}")
        else:
            print(f"{path}: photo {photo_id} is safe at {message.partition()}/{message.offset()}")

    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": "photo.streamed.v1",
        "ce_source": options.source,
        "ce_subject": str(options.customer),
        "ce_time": datetime.now(UTC).isoformat(),
        "content-type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "ce_sha256": sha256,
        "ce_filename": path.name,
    }
    if options.key is not None:
        headers["ce_proof"] = _proof(headers, options.device, options.key)
    encoded: list[tuple[str, str | bytes | None]] = [(name, value.encode()) for name, value in headers.items()]
    while True:
        try:
            producer.produce(TOPIC, key=str(photo_id).encode(), value=image, headers=encoded, on_delivery=report)
        except BufferError:  # its queue is full: wait for what is in it
            producer.poll(1)
        else:
            producer.poll(0)
            return


def _proof(headers: dict[str, str], device: UUID, key: Ed25519PrivateKey) -> str:
    """A compact JWS (RFC 7515, 7.1) over the headers, each as it is in the record, and the topic."""
    header = {"alg": "EdDSA", "typ": "photo-record+jwt", "kid": str(device)}
    claims = {"iat": int(time.time()), "topic": TOPIC, "headers": headers}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_base64url(key.sign(signed.encode()))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _key(path: str) -> Ed25519PrivateKey:
    key = load_pem_private_key(Path(path).read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise argparse.ArgumentTypeError(f"{path} holds no Ed25519 key")
    return key


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write photos to the topic photos.streamed.")
    parser.add_argument("--customer", type=UUID, required=True, help="whose photos these are: the customer's id")
    parser.add_argument("--source", default="/examples/kafka-producer", help="ce_source: who sends, a URI reference")
    parser.add_argument("--device", type=UUID, help="whose signature the records carry: the device's id")
    parser.add_argument("--key", type=_key, help="its private Ed25519 key, a PEM file")
    parser.add_argument("--bootstrap-servers", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS"))
    parser.add_argument("files", type=Path, nargs="+")
    options = parser.parse_args()
    if not options.bootstrap_servers:
        parser.error("set KAFKA_BOOTSTRAP_SERVERS or --bootstrap-servers")
    if (options.device is None) != (options.key is None):
        parser.error("--device and --key go together")
    missing = [str(path) for path in options.files if not path.is_file()]
    if missing:
        parser.error(f"no such file: {', '.join(missing)}")
    return options


if __name__ == "__main__":
    main()
