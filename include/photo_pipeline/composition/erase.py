"""Builds what erasing needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from photo_pipeline.adapters.erasure_key import FileSigner
from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.erase import PostgresErasureLedger
from photo_pipeline.adapters.search.audit import ElasticsearchAudit
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.composition.pipeline import PipelineSettings, engine_of
from photo_pipeline.composition.search import SearchAccess
from photo_pipeline.settings import ErasureSettings, KafkaSettings
from photo_pipeline.use_cases.erase import DocumentPorts, ProofPorts, RewritePorts

APPLICATION = "photo_erase"


def signer(settings: ErasureSettings) -> FileSigner:
    """The key that proofs are signed with.

    Raises:
        ErasureKeyError: when there is none.
    """
    return FileSigner(settings.key_file)


@contextmanager
def erasure_ledger(settings: PipelineSettings) -> Iterator[PostgresErasureLedger]:
    """What blanks rows."""
    topics = {"processed": settings.topics.processed, "dead_letter": settings.topics.rejected}
    with engine_of(settings.database, APPLICATION) as engine:
        yield PostgresErasureLedger(engine, topics)


@contextmanager
def rewrite_ports(settings: PipelineSettings) -> Iterator[RewritePorts]:
    """All that writing shards anew needs."""
    with erasure_ledger(settings) as ledger:
        yield RewritePorts(ledger, HdfsArchive(settings.hdfs), settings.hdfs.root)


@contextmanager
def document_ports(settings: PipelineSettings, search: SearchAccess) -> Iterator[DocumentPorts]:
    """All that blanking documents needs."""
    with (
        erasure_ledger(settings) as ledger,
        engine_of(settings.database, APPLICATION) as engine,
        search.connect() as client,
    ):
        yield DocumentPorts(
            ledger=ledger,
            outcomes=PostgresOutcomeSource(engine),
            index=ElasticsearchIndex(client, search.alias),
            search=ElasticsearchAudit(client, search.alias, DatabaseClock(engine)),
        )


@contextmanager
def proof_ports(settings: PipelineSettings, erasure: ErasureSettings) -> Iterator[ProofPorts]:
    """All that proving needs."""
    with erasure_ledger(settings) as ledger, engine_of(settings.database, APPLICATION) as engine:
        yield ProofPorts(
            ledger=ledger,
            index=PostgresArchiveIndex(engine),
            archive=HdfsArchive(settings.hdfs),
            archive_root=settings.hdfs.root,
            signer=signer(erasure),
            clock=DatabaseClock(engine),
            kafka_keeps=kafka_keeps(settings.kafka),
        )


def kafka_keeps(settings: KafkaSettings) -> timedelta:
    """How long Kafka holds a record at most: a closed segment alone can go."""
    return timedelta(milliseconds=settings.retention_ms + settings.segment_ms)
