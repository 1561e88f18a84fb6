"""Who may do what with Kafka in a secured stack, and how each client says who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_stack.credentials import Credentials
    from local_stack.settings import StackSettings

MECHANISM = "SCRAM-SHA-512"
BROKER = "kafka"
"""The brokers themselves, and this stack, which makes the others."""
API, STREAM, PIPELINE, METRICS = "photo-api", "photo-stream", "photo-pipeline", "photo-metrics"
PRODUCER = "photo-producer"
"""A producer of somebody's own, such as the demo's and those in ``examples/``."""
UPLOADED, STREAMED, PROCESSED, REJECTED = "photos.uploaded", "photos.streamed", "photos.processed", "photos.rejected"


@dataclass(frozen=True, slots=True)
class Right:
    """Operations on one resource, or on all whose names begin like it.

    Attributes:
        kind: ``topic``, ``group`` or ``cluster``.
        name: Whose.
        operations: In Kafka's words.
        is_prefix: Whether the name is only a beginning.
    """

    kind: str
    name: str
    operations: tuple[str, ...]
    is_prefix: bool = False


_WRITES_ONCE = Right("cluster", "kafka-cluster", ("IDEMPOTENT_WRITE",))
# The same as the KafkaUsers in helm-values/manifests/kafka-strimzi.yaml, and the producer.
RIGHTS: Mapping[str, tuple[Right, ...]] = {
    API: (Right("topic", UPLOADED, ("WRITE", "DESCRIBE")), _WRITES_ONCE),
    STREAM: (Right("topic", STREAMED, ("WRITE", "DESCRIBE")), _WRITES_ONCE),
    METRICS: (Right("topic", UPLOADED, ("DESCRIBE",)), Right("topic", STREAMED, ("DESCRIBE",))),
    PIPELINE: (
        # Writes there, too: dead letters are fed again to the topic that they came from.
        Right("topic", UPLOADED, ("READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")),
        Right("topic", STREAMED, ("READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")),
        Right("topic", PROCESSED, ("WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")),
        Right("topic", REJECTED, ("READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")),
        Right("topic", "photos.", ("CREATE", "ALTER", "ALTER_CONFIGS"), is_prefix=True),
        Right("group", "photo_ingest", ("READ", "DESCRIBE")),
        Right("cluster", "kafka-cluster", ("IDEMPOTENT_WRITE", "DESCRIBE")),
    ),
    PRODUCER: (
        Right("topic", STREAMED, ("WRITE", "DESCRIBE")),
        Right("topic", REJECTED, ("READ", "DESCRIBE")),
        Right("group", "demo", ("READ",)),
        _WRITES_ONCE,
    ),
}


def password_of(credentials: Credentials, user: str) -> str:
    """Return the password of one of Kafka's users."""
    return credentials.password(f"kafka_{user}")


def client_config(settings: StackSettings, credentials: Credentials, user: str) -> dict[str, str]:
    """Return what librdkafka needs beside the addresses; nothing where Kafka asks nobody."""
    if settings.ca_file is None:
        return {}
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": MECHANISM,
        "sasl.username": user,
        "sasl.password": password_of(credentials, user),
        "ssl.ca.location": str(settings.ca_file),
    }
