"""Kafka: planned ranges in, acknowledged records out, and the topics themselves."""

from photo_pipeline.adapters.kafka.async_writer import AsyncKafkaPhotoLogWriter
from photo_pipeline.adapters.kafka.reader import KafkaPhotoLogReader
from photo_pipeline.adapters.kafka.topics import KafkaTopicAudit, KafkaTopics, TopicChange, TopicState
from photo_pipeline.adapters.kafka.writer import KafkaPhotoLogWriter, RecordTooLargeError

__all__ = [
    "AsyncKafkaPhotoLogWriter",
    "KafkaPhotoLogReader",
    "KafkaPhotoLogWriter",
    "KafkaTopicAudit",
    "KafkaTopics",
    "RecordTooLargeError",
    "TopicChange",
    "TopicState",
]
