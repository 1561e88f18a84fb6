"""What Kafka says of topics, for whoever writes to them: a delivery report says the topic's name only."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import cached_property

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from photo_pipeline.adapters.kafka.client import admin_client, describe_existing, logger, topic_id_of
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.settings import KafkaSettings

FRESH_SECONDS = 5.0
"""A topic that was made anew is told from the old one after so long at the latest."""
PATIENCE_SECONDS = 1.0
"""A receipt without the topic's id is better than a late one."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What Kafka says of a topic.

    Attributes:
        topic_id: which topic of that name it is; ``None`` where a broker does not say.
        partitions: how many it has.
    """

    topic_id: str | None
    partitions: int


@dataclass(frozen=True)
class _Question:
    """What Kafka was asked, and when by the monotonic clock."""

    answer: "asyncio.Task[TopicFacts | None]"
    asked_at: float

    def is_old(self) -> bool:
        """Whether to ask again: never while an answer is still due, as the next one would wait for the same broker."""
        return self.answer.done() and time.monotonic() - self.asked_at > FRESH_SECONDS

    def patience(self) -> float:
        """Seconds for which the answer may still be waited for."""
        return max(0.0, self.asked_at + PATIENCE_SECONDS - time.monotonic())


@dataclass
class TopicIds:
    """For one event loop. However many ask, Kafka is asked once in a few seconds, and waited for once."""

    settings: KafkaSettings
    _questions: dict[str, _Question] = field(default_factory=dict, init=False)
    _partitions: dict[str, int] = field(default_factory=dict, init=False)

    async def of(self, topic: str) -> str | None:
        """The topic's id a few seconds ago at most; ``None`` where Kafka does not say it in time."""
        facts = await self._heard(self._question(topic))
        return None if facts is None else facts.topic_id

    async def partitions(self, topic: str) -> int | None:
        """How many partitions the topic had when Kafka said so last; ``None`` where it never did.

        It is waited for once, and asked again behind the requests.
        """
        question = self._question(topic)
        if topic not in self._partitions:
            await self._heard(question)
        return self._partitions.get(topic)

    def _question(self, topic: str) -> _Question:
        question = self._questions.get(topic)
        if question is None or question.is_old():
            task = asyncio.create_task(asyncio.to_thread(self._ask, topic))
            task.add_done_callback(lambda answered: self._note(topic, answered))
            question = self._questions[topic] = _Question(task, time.monotonic())
        return question

    async def _heard(self, question: _Question) -> TopicFacts | None:
        if question.answer.done():
            return question.answer.result()
        try:
            async with asyncio.timeout(question.patience()):
                return await asyncio.shield(question.answer)
        except TimeoutError:
            return None

    def _note(self, topic: str, answered: "asyncio.Task[TopicFacts | None]") -> None:
        if not answered.cancelled() and answered.exception() is None and (facts := answered.result()) is not None:
            self._partitions[topic] = facts.partitions

    @cached_property
    def _client(self) -> AdminClient:
        return admin_client(self.settings)

    def _ask(self, topic: str) -> TopicFacts | None:
        try:
            found = describe_existing(self._client, [topic])
        except (ServerUnavailableError, KafkaException) as error:  # the photo is accepted, whatever this says
            logger.warning("the id of topic %s is not known: %s", topic, error)
            return None
        described = found.get(topic)
        return None if described is None else TopicFacts(topic_id_of(described), len(described.partitions))
