"""The topics: made as the contract says, brought back to it where they differ, and described."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports these without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
    TopicDescription,
)

from photo_pipeline.adapters.kafka.client import (
    ADMIN_SECONDS,
    DEAD_LETTER_MARGIN,
    SERVER,
    admin_client,
    describe_existing,
    result,
    results,
    topic_id_of,
)
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.reconciliation import TopicDeviation
from photo_pipeline.settings import KafkaSettings, TopicNames

SETTLE_SECONDS = 0.1

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as Kafka has it. ``config`` holds the settings that the contract names; another topic has another id."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str | None]
    topic_id: str | None = None


@dataclass(frozen=True, slots=True)
class TopicChange:
    """One thing that was brought in line. ``setting`` is ``topic``, ``partitions`` or a configuration's name."""

    topic: str
    setting: str
    before: str | None
    after: str

    def __str__(self) -> str:
        if self.setting == "topic":
            return f"{self.topic} created: {self.after}"
        return f"{self.topic} {self.setting}: {self.before} -> {self.after}"


class KafkaTopicAudit:
    """``TopicAudit`` on Kafka's own description of its topics."""

    def __init__(self, settings: KafkaSettings, names: TopicNames) -> None:
        self._topics = KafkaTopics(settings)
        self._names = names

    def deviations(self) -> Sequence[TopicDeviation]:
        """See the port."""
        return self._topics.deviations(self._names)


class KafkaTopics:
    """Makes and describes the platform's topics. Usable from one thread at a time.

    Args:
        settings: how to reach Kafka, and what the topics are to be like.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    def ensure(self, names: TopicNames) -> Sequence[TopicChange]:
        """Make the four topics, or change what differs in them. Safe on a live system, any number of times.

        Partitions are added, never taken away: Kafka cannot, and the ledger knows every one. The replication factor of
        a topic that exists is an operator's to change (``kafka-reassign-partitions``); a difference is logged.

        Returns:
            What was changed; nothing when all was well.

        Raises:
            ServerUnavailableError: when Kafka does not answer or refuses.
        """
        wanted = self._wanted(names)
        found = self.describe(wanted)
        changes = [change for name in wanted if name not in found for change in self._create(name, wanted[name])]
        # Brokers hear of a topic a little after the controller has made it; another setup may have made it just now.
        for state in self._described_when(wanted, lambda states: len(states) == len(wanted)).values():
            changes += self._align(state, wanted[state.name])
        if changes:
            self._described_when(wanted, lambda states: not any(self._differs(state, wanted) for state in states))
        return changes

    def deviations(self, names: TopicNames) -> Sequence[TopicDeviation]:
        """What differs from what ``ensure`` would make of the four topics; nothing is changed.

        Raises:
            ServerUnavailableError: when Kafka does not answer.
        """
        wanted = self._wanted(names)
        found = self.describe(wanted)
        missing = [TopicDeviation(name, "topic", None, "there") for name in wanted if name not in found]
        return [*missing, *(each for state in found.values() for each in self._deviations(state, wanted[state.name]))]

    def describe(self, names: Collection[str]) -> Mapping[str, TopicState]:
        """Those of the topics that exist, as they are.

        Raises:
            ServerUnavailableError: when Kafka does not answer.
        """
        found = describe_existing(self._admin, names)
        if not found:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in found]
        answers = self._admin.describe_configs(resources, request_timeout=ADMIN_SECONDS)
        # Another broker may be asked for these, one that has not heard yet of a topic that was made just now.
        heard_of = {
            resource: answer
            for resource, answer in answers.items()
            if not _is_refused(answer, KafkaError.UNKNOWN_TOPIC_OR_PART)
        }
        configs: dict[ConfigResource, dict[str, ConfigEntry]] = results(heard_of, "describing topics")
        entries = {resource.name: config for resource, config in configs.items()}
        return {name: _state(found[name], config) for name, config in entries.items()}

    @cached_property
    def _admin(self) -> AdminClient:
        return admin_client(self._settings)

    def _wanted(self, names: TopicNames) -> dict[str, dict[str, str]]:
        return {name: self._config(name, names) for name in _all(names)}

    def _deviations(self, state: TopicState, config: Mapping[str, str]) -> Iterator[TopicDeviation]:
        for change in _differences(state, config):
            yield TopicDeviation(state.name, change.setting, change.before, change.after)
        if state.partitions < self._settings.partitions:
            yield TopicDeviation(state.name, "partitions", str(state.partitions), str(self._settings.partitions))
        factor = self._settings.replication_factor
        if state.replication_factor != factor:
            yield TopicDeviation(state.name, "replication factor", str(state.replication_factor), str(factor))

    def _config(self, name: str, names: TopicNames) -> dict[str, str]:
        settings = self._settings
        margin = DEAD_LETTER_MARGIN if name == names.rejected else 0
        return {
            "cleanup.policy": "delete",
            # The broker unpacks what a producer compressed, then checks its size: no batch grows in a reader's memory.
            "compression.type": "uncompressed",
            "retention.ms": str(settings.retention_ms),
            "segment.ms": str(settings.segment_ms),
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(settings.max_message_bytes + margin),
            "min.insync.replicas": str(settings.min_insync_replicas),
        }

    def _described_when(
        self, names: Collection[str], condition: Callable[[Collection[TopicState]], bool]
    ) -> Mapping[str, TopicState]:
        """The topics' states, once they are as they must become.

        Raises:
            ServerUnavailableError: when they do not.
        """
        deadline = time.monotonic() + ADMIN_SECONDS
        while not condition((states := self.describe(names)).values()):
            if time.monotonic() > deadline:
                raise ServerUnavailableError(SERVER, f"changes of the topics {', '.join(sorted(names))} do not show")
            time.sleep(SETTLE_SECONDS)
        return states

    def _create(self, name: str, config: dict[str, str]) -> list[TopicChange]:
        settings = self._settings
        topic = NewTopic(name, settings.partitions, settings.replication_factor, config=config)
        future = self._admin.create_topics([topic], request_timeout=ADMIN_SECONDS)[name]
        if _is_refused(future, KafkaError.TOPIC_ALREADY_EXISTS):
            return []
        result(future, f"creating topic {name}")
        made = f"{settings.partitions} partitions, replication factor {settings.replication_factor}"
        return [TopicChange(name, "topic", None, made)]

    def _align(self, state: TopicState, config: Mapping[str, str]) -> list[TopicChange]:
        if state.replication_factor != self._settings.replication_factor:
            logger.warning(
                "%s has replication factor %d, not %d as configured; kafka-reassign-partitions changes it",
                state.name,
                state.replication_factor,
                self._settings.replication_factor,
            )
        return [*self._align_config(state, config), *self._align_partitions(state)]

    def _align_config(self, state: TopicState, config: Mapping[str, str]) -> list[TopicChange]:
        changes = _differences(state, config)
        if changes:
            entries = [
                ConfigEntry(change.setting, change.after, incremental_operation=AlterConfigOpType.SET)
                for change in changes
            ]
            resource = ConfigResource(ResourceType.TOPIC, state.name, incremental_configs=entries)
            answers = self._admin.incremental_alter_configs([resource], request_timeout=ADMIN_SECONDS)
            results(answers, f"configuring topic {state.name}")
        return changes

    def _differs(self, state: TopicState, wanted: Mapping[str, Mapping[str, str]]) -> bool:
        return state.partitions < self._settings.partitions or bool(_differences(state, wanted[state.name]))

    def _align_partitions(self, state: TopicState) -> list[TopicChange]:
        wanted = self._settings.partitions
        if state.partitions >= wanted:
            return []
        request = [NewPartitions(state.name, wanted)]
        results(self._admin.create_partitions(request, request_timeout=ADMIN_SECONDS), f"adding to {state.name}")
        return [TopicChange(state.name, "partitions", str(state.partitions), str(wanted))]


def _is_refused(future: "Future[Any]", code: int) -> bool:
    """Whether the answer is exactly this error."""
    error = future.exception(timeout=ADMIN_SECONDS * 2)
    return isinstance(error, KafkaException) and error.args[0].code() == code


def _all(names: TopicNames) -> tuple[str, ...]:
    return (names.uploaded, names.streamed, names.processed, names.rejected)


def _differences(state: TopicState, config: Mapping[str, str]) -> list[TopicChange]:
    return [
        TopicChange(state.name, setting, state.config.get(setting), value)
        for setting, value in config.items()
        if state.config.get(setting) != value
    ]


def _state(topic: TopicDescription, config: Mapping[str, ConfigEntry]) -> TopicState:
    return TopicState(
        name=topic.name,
        partitions=len(topic.partitions),
        replication_factor=min((len(partition.replicas) for partition in topic.partitions), default=0),
        config={setting: config[setting].value for setting in _SETTINGS if setting in config},
        topic_id=topic_id_of(topic),
    )


_SETTINGS = (
    "cleanup.policy",
    "compression.type",
    "retention.ms",
    "segment.ms",
    "message.timestamp.type",
    "max.message.bytes",
    "min.insync.replicas",
)
