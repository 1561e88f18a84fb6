"""A pipeline of a test's own on the test stack: own database, topics and archive folder, the product's own wiring."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from uuid import UUID, uuid4

from confluent_kafka.admin import AdminClient
from hdfs.client import InsecureClient
from sqlalchemy import Engine, text
from tests.support.databases import Database, fresh_database, superuser_of

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader, KafkaPhotoLogWriter, KafkaTopics
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.composition.ingest import ingest_ledger, ingest_limits, ingest_ports, lanes
from photo_pipeline.composition.pipeline import PipelineSettings, image_workers
from photo_pipeline.composition.publish import publish_ports
from photo_pipeline.domain.events import Delivery, OutboundRecord, PhotoEvent, Record
from photo_pipeline.domain.lanes import Lane
from photo_pipeline.domain.ledger import SliceSummary
from photo_pipeline.domain.photo import Source, TopicPartition, photo_id_for, sha256_hex
from photo_pipeline.settings import HdfsSettings, IngestSettings, KafkaSettings, TopicNames
from photo_pipeline.use_cases.ingest import IngestPorts, plan_micro_batch, process_slice
from photo_pipeline.use_cases.publish import PublishSummary, publish_outbox


@dataclass(frozen=True, slots=True)
class Running:
    """What a pipeline keeps between its steps, because starting it takes longer than most steps.

    Attributes:
        writer: a producer, which takes some time to start.
        images: workers that are up, for limits like ``limits``.
        limits: how ``images`` were started.
        owner: the database, as its owner.
    """

    writer: KafkaPhotoLogWriter
    images: WorkerPool
    limits: IngestSettings
    owner: Engine

    def suits(self, limits: IngestSettings) -> bool:
        """Whether workers under these limits would be the same."""
        names = ("workers", "image_timeout_seconds", "image_wait_seconds", "image_memory_bytes")
        return all(getattr(limits, name) == getattr(self.limits, name) for name in names)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a test does with a pipeline of its own."""

    settings: PipelineSettings
    database: Database
    webhdfs_url: str
    hdfs_user: str
    running: Running

    def with_limits(self, **limits: float) -> "Pipeline":
        """The same pipeline with other limits of the ingest."""
        return replace(self, settings=replace(self.settings, ingest=IngestSettings.model_validate(limits)))

    def sign_up(self) -> UUID:
        """A new customer."""
        customer_id = uuid4()
        self.execute(
            "INSERT INTO customer VALUES (:id, :email, 'A. Customer', 'x', now())",
            id=customer_id,
            email=f"{customer_id}@example.org",
        )
        return customer_id

    def send(self, customer_id: UUID, *photos: bytes, source: Source = Source.UPLOAD) -> list[Delivery]:
        """Produce photos as the web applications do."""
        events = [photo_event(customer_id, data, source) for data in photos]
        return self.produce(*(event_record(self.settings.topics, event) for event in events))

    def produce(self, *records: OutboundRecord) -> list[Delivery]:
        """Produce any records at all."""
        return list(self.running.writer.publish(records))

    def plan(self, owner: str = "run") -> list[int]:
        """The ids of the slices that a run of that name would get."""
        limits = ingest_limits(self.settings)
        with ingest_ledger(self.settings.database) as ledger:
            reader = KafkaPhotoLogReader(self.settings.kafka)
            planned = plan_micro_batch(ledger, reader, self.settings.topics.incoming, limits, owner)
        return [item.slice_id for item in planned]

    def lanes_of(self, slice_ids: Sequence[int]) -> list[Lane]:
        """The lane that each of these slices is of."""
        found = {
            int(str(slice_id)): TopicPartition(str(topic), int(str(partition)))
            for slice_id, topic, partition in self.rows("SELECT slice_id, topic, partition FROM slice")
        }
        lane_of = lanes(self.settings).of(self.ends())
        return [lane_of[found[slice_id]] for slice_id in slice_ids]

    def ends(self) -> dict[TopicPartition, int]:
        """Where Kafka's logs of both incoming topics end."""
        marks = KafkaPhotoLogReader(self.settings.kafka).watermarks(self.settings.topics.incoming)
        return {where: each.high for where, each in marks.items()}

    def process(self, slice_id: int, owner: str = "run") -> SliceSummary:
        """What a task of that run does with one slice."""
        with self.ingest_ports() as ports:
            return process_slice(slice_id, owner, ports, ingest_limits(self.settings))

    def ingest(self) -> list[SliceSummary]:
        """One run: plan, process everything."""
        return [self.process(slice_id) for slice_id in self.plan()]

    def records(self, topic: str | None = None) -> list[Record]:
        """All that a topic's first partition holds: the uploads', where none is named."""
        reader = KafkaPhotoLogReader(self.settings.kafka)
        partition = TopicPartition(topic or self.settings.topics.uploaded, 0)
        return list(reader.read(partition, 0, reader.watermarks([partition.topic])[partition].high))

    def publish(self) -> PublishSummary:
        """Empty the outbox."""
        with publish_ports(self.settings) as ports:
            lanes = [replace(ports.lanes[0], writer=self.running.writer), *ports.lanes[1:]]
            return publish_outbox(replace(ports, lanes=lanes), 10)

    def rows(self, query: str, **parameters: object) -> list[tuple[object, ...]]:
        """What a query gives, as the database's owner."""
        with self.running.owner.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def execute(self, statement: str, **parameters: object) -> None:
        """Change something as the database's owner."""
        with self.running.owner.begin() as connection:
            connection.execute(text(statement), parameters)

    @property
    def webhdfs(self) -> InsecureClient:
        """HDFS through its other door, which shares no code with the product's."""
        return InsecureClient(self.webhdfs_url, user=self.hdfs_user)

    def files(self, folder: str = "archive") -> list[str]:
        """Paths of all files below a folder of this pipeline's archive."""
        root = f"{self.settings.hdfs.root}/{folder}"
        if self.webhdfs.status(root, strict=False) is None:
            return []
        return [f"{path}/{name}" for path, _, names in self.webhdfs.walk(root) for name in names]

    def read_file(self, path: str) -> bytes:
        """A whole file."""
        with self.webhdfs.read(path) as reader:
            return bytes(reader.read())

    @contextmanager
    def ingest_ports(self) -> Iterator[IngestPorts]:
        """The product's own; with the image workers that are up already where its own would be the same."""
        if not self.running.suits(self.settings.ingest):
            with ingest_ports(self.settings) as ports:
                yield ports
            return
        with ingest_ports(without_workers(self.settings)) as ports:
            yield replace(ports, images=self.running.images)


def without_workers(settings: PipelineSettings) -> PipelineSettings:
    """The same settings, from which the product starts no image worker; an operator could not ask for that."""
    return replace(settings, ingest=settings.ingest.model_copy(update={"workers": 0}))


def event_record(topics: TopicNames, event: PhotoEvent) -> OutboundRecord:
    """A photo event as a record of its source's topic."""
    topic = topics.uploaded if event.source is Source.UPLOAD else topics.streamed
    return OutboundRecord(topic, event.key(), event.data, event.headers())


def photo_event(customer_id: UUID, data: bytes, source: Source) -> PhotoEvent:
    """A photo as the web applications would send it."""
    sha256 = sha256_hex(data)
    return PhotoEvent(
        event_id=str(uuid4()),
        source=source,
        origin="/tests",
        customer_id=customer_id,
        photo_id=photo_id_for(customer_id, sha256),
        sha256=sha256,
        filename="Größe.jpg",
        content_type="image/jpeg",
        sent_at=datetime.now(UTC),
        data=data,
    )


@contextmanager
def fresh_pipeline(endpoints: Endpoints, test_stack: Stack, partitions: int = 1) -> Iterator[Pipeline]:
    """Make a pipeline like ``own_pipeline``, with an empty database that nobody else uses either."""
    with (
        fresh_database(endpoints, superuser_of(test_stack)) as database,
        own_pipeline(endpoints, database, partitions) as own,
    ):
        yield own


@contextmanager
def own_pipeline(endpoints: Endpoints, database: Database, partitions: int = 1) -> Iterator[Pipeline]:
    """Make topics and an archive folder that nobody else uses; both are removed at the end."""
    token = uuid4().hex[:12]
    topics = TopicNames(
        uploaded=f"t{token}.uploaded",
        streamed=f"t{token}.streamed",
        processed=f"t{token}.processed",
        rejected=f"t{token}.rejected",
    )
    kafka = KafkaSettings(bootstrap_servers=endpoints.kafka_bootstrap_servers, partitions=partitions)
    settings = PipelineSettings(
        kafka=kafka,
        database=database.pipeline,
        hdfs=HdfsSettings(namenode=endpoints.hdfs_namenode, root=f"/tests/{token}"),
        ingest=IngestSettings(workers=1),
        topics=topics,
    )
    KafkaTopics(kafka).ensure(topics)
    with _running(settings, database) as running:
        pipeline = Pipeline(settings, database, endpoints.webhdfs_url, endpoints.hdfs_user, running)
        try:
            yield pipeline
        finally:
            admin = AdminClient({"bootstrap.servers": endpoints.kafka_bootstrap_servers})
            for future in admin.delete_topics([*topics.incoming, topics.processed, topics.rejected]).values():
                future.result()
            pipeline.webhdfs.delete(settings.hdfs.root, recursive=True)


@contextmanager
def _running(settings: PipelineSettings, database: Database) -> Iterator[Running]:
    limits = settings.ingest
    images = image_workers(limits)
    owner = make_engine(database.owner, "tests")
    try:
        with images:
            yield Running(_writer(settings.kafka.bootstrap_servers), images, limits, owner)
    finally:
        owner.dispose()


@cache
def _writer(bootstrap_servers: str) -> KafkaPhotoLogWriter:
    """One for all pipelines on a server."""
    return KafkaPhotoLogWriter(KafkaSettings(bootstrap_servers=bootstrap_servers))
