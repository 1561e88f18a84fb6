"""What every Kafka client of this package shares: its configuration, its logger, and how its errors are told."""

import logging
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, KafkaException, Message, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports these without saying so
    AdminClient,
    TopicDescription,
)

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.settings import KafkaSettings

SERVER = "Kafka"
MIB = 1024 * 1024
ADMIN_SECONDS = 10.0
"""How long an administrative request may take in all."""
DEAD_LETTER_MARGIN = 64 * 1024
"""A dead letter is its record and the reason, so the largest one is larger than the largest record by that much."""
NO_ID = "A" * 22
"""What brokers say that know no topic ids."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Config = dict[str, str | int | float | bool]
Key = TypeVar("Key")
Value = TypeVar("Value")

logger = logging.getLogger("photo_pipeline.kafka")
"""librdkafka's own log lines go here."""


def client_config(settings: KafkaSettings, defaults: Config, fixed: Config) -> Config:
    """A librdkafka configuration: ``defaults`` yield to the operator's settings, ``fixed`` do not.

    What durability and order rest on is fixed.
    """
    common: Config = {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": "photo-pipeline",
        # The default backs off up to 10 s: too long for a sender who waits for Kafka to return.
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        "socket.keepalive.enable": True,
    }
    return {**common, **defaults, **settings.client_config, **fixed}


def admin_client(settings: KafkaSettings) -> AdminClient:
    """A client for requests that are not about records."""
    config = client_config(settings, {"socket.timeout.ms": int(ADMIN_SECONDS * 1000)}, {})
    return AdminClient(config, logger=logger)


def unavailable(error: KafkaError | KafkaException | None, doing: str) -> ServerUnavailableError:
    """The error as the use cases know it; nothing of a record's content is in it."""
    if isinstance(error, KafkaException):
        found = error.args[0]
        error = found if isinstance(found, KafkaError) else None
    return ServerUnavailableError(SERVER, doing if error is None else f"{doing}: {error.name()}, {error.str()}")


def results(futures: Mapping[Key, "Future[Value]"], doing: str) -> dict[Key, Value]:
    """What an administrative request answered.

    Raises:
        ServerUnavailableError: when any part of it failed or took too long.
    """
    return {key: result(future, doing) for key, future in futures.items()}


def result(future: "Future[Value]", doing: str) -> Value:
    """One answer; see ``results``."""
    try:
        # The request has its own time limit; this one is for an answer that never comes.
        return future.result(timeout=ADMIN_SECONDS * 2)
    except KafkaException as error:
        raise unavailable(error, doing) from error
    except FutureTimeoutError as error:
        raise ServerUnavailableError(SERVER, f"{doing}: no answer") from error


def describe_existing(client: AdminClient, names: Collection[str]) -> Mapping[str, TopicDescription]:
    """Kafka's description of each of these topics; those that do not exist are left out.

    Raises:
        ServerUnavailableError: when Kafka does not answer.
    """
    if not names:
        return {}
    futures = client.describe_topics(TopicCollection(list(names)), request_timeout=ADMIN_SECONDS)
    described = {name: _if_it_exists(future) for name, future in futures.items()}
    return {name: topic for name, topic in described.items() if topic is not None}


def _if_it_exists(future: "Future[TopicDescription]") -> TopicDescription | None:
    try:
        return result(future, "describing topics")
    except ServerUnavailableError as error:
        cause = error.__cause__
        if isinstance(cause, KafkaException) and cause.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise


def topic_id_of(topic: TopicDescription) -> str | None:
    """The topic's id (KIP-516) as Kafka's tools print it; ``None`` where the brokers know none."""
    topic_id = str(topic.topic_id)
    return None if topic_id == NO_ID else topic_id


def coordinates_of(message: Message) -> RecordCoordinates:
    """Where a record lies that Kafka has."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise ServerUnavailableError(SERVER, "a record came without its coordinates")
    return RecordCoordinates(topic, partition, offset)


def time_of(message: Message) -> datetime:
    """The record's time in UTC. Topics say ``LogAppendTime``, so it is the broker's.

    A batch without a time (-1 on the wire) reads as the epoch: unbelievable, but no reason to stop the line.
    """
    kind, milliseconds = message.timestamp()
    if kind == TIMESTAMP_NOT_AVAILABLE:
        return EPOCH
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return EPOCH
