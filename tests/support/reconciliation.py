"""A pipeline with its search index, and the reconciliation over both: damage is planted in between."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports these without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline
from tests.support.search import Search
from tests.support.syncing import sync_ports

from photo_pipeline.adapters.kafka import KafkaTopics
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.composition.reconcile import ReconciliationSettings, reconcile_limits, reconcile_ports
from photo_pipeline.composition.search import access_with
from photo_pipeline.domain.accounts import STEP
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.reconciliation import CheckResult, Finding, Status
from photo_pipeline.ports.clock import Clock
from photo_pipeline.settings import LedgerSettings, ReconcileSettings
from photo_pipeline.use_cases.bi_sync import sync_outcomes
from photo_pipeline.use_cases.reconcile import CHECK_NAMES, GROUPS, ReconcilePorts, Verdict, run_checks, verdict

WAIT_SECONDS = 30.0
SAMPLES = dict.fromkeys(("sample_members", "sample_slices"), 10_000)
"""More than there is of anything."""
OF_NOW = {"search_days": 2}
"""Today and, at midnight, yesterday. Each of the days costs both servers a question, also where it is empty."""
EVERY_DAY = 400
"""As in production, where they have their turn in the course of a day."""


@dataclass(frozen=True)
class Later:
    """A clock that is ahead of another."""

    clock: Clock
    by: timedelta

    def now(self) -> datetime:
        """The time by then."""
        return self.clock.now() + self.by


def photo(seed: int) -> bytes:
    """A small photo of its own."""
    return encoded(scene(64, 48, seed), SniffedFormat.JPEG)


@dataclass
class Reconciled:
    """What a test plants damage in, and looks with."""

    pipeline: Pipeline
    search: Search
    runs: int = 0
    limits: Mapping[str, int] = field(default_factory=lambda: {"rotation": 1, **OF_NOW, **SAMPLES})

    def ingest(self, *photos: bytes) -> UUID:
        """Photos of a new customer, archived, published and synced."""
        customer = self.pipeline.sign_up()
        self.pipeline.send(customer, *photos)
        self.pipeline.ingest()
        self.pipeline.publish()
        self.sync()
        return customer

    def sync(self) -> None:
        """Run the sync until it has all there is: other databases' transactions may hold it back for a moment."""
        reading, writing = (
            make_engine(settings, "tests") for settings in (self.pipeline.database.bi, self.pipeline.database.pipeline)
        )
        ports = sync_ports(reading, writing, self.search.index())
        while ports.renamings.follow(STEP):
            pass
        ((newest,),) = self.pipeline.rows("SELECT CAST(max(updated_xid) AS text) FROM ingest_record")
        deadline = time.monotonic() + WAIT_SECONDS
        while ports.state.load().watermark <= int(str(newest)):
            assert time.monotonic() < deadline, "another transaction stays open"
            sync_outcomes(ports)
        reading.dispose()
        writing.dispose()

    def run(
        self, *groups: str, later: timedelta = timedelta(), run_id: str | None = None, **limits: int
    ) -> dict[str, CheckResult]:
        """One run of these groups of checks, or of all; what each check came to, as it was kept."""
        self.runs += 1
        run_id = run_id or f"run-{self.runs}"
        with self.ports(later) as ports:
            for group in groups or GROUPS:
                run_checks(run_id, GROUPS[group], ports, self._limits(limits))
            return {result.check: result for result in ports.log.results(run_id)}

    def findings(self, *groups: str, later: timedelta = timedelta(), **limits: int) -> list[tuple[str, Finding]]:
        """What one run finds and leaves."""
        return _named(self.run(*groups, later=later, run_id=None, **limits), Status.FINDING)

    def repairs(self, *groups: str) -> list[tuple[str, Finding]]:
        """What one run repairs; nothing else may be found."""
        results = self.run(*groups)
        assert _named(results, Status.FINDING) == []
        return _named(results, Status.REPAIRED)

    def verdict(self) -> Verdict:
        """The verdict on the last run."""
        with self.ports() as ports:
            return verdict(f"run-{self.runs}", CHECK_NAMES, ports.log)

    @contextmanager
    def ports(self, later: timedelta = timedelta()) -> Iterator[ReconcilePorts]:
        """The product's own ports, with a clock that may be ahead."""
        settings = ReconciliationSettings(self.pipeline.settings, access_with(self._search_settings()))
        with reconcile_ports(settings) as ports:
            yield replace(ports, clock=Later(ports.clock, later))

    def shard(self) -> str:
        """The path of the only shard."""
        (path,) = self.pipeline.files()
        return path

    def rewrite(self, path: str, content: bytes) -> None:
        """Replace a file's content behind the ledger's back."""
        self.pipeline.webhdfs.write(path, content, overwrite=True)

    @cached_property
    def kafka(self) -> AdminClient:
        """Kafka in an administrator's hands."""
        return AdminClient({"bootstrap.servers": self.pipeline.settings.kafka.bootstrap_servers})

    def set_topic(self, topic: str, setting: str, value: str) -> None:
        """Change a topic's setting."""
        entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        for future in self.kafka.incremental_alter_configs([resource]).values():
            future.result()

    def delete_records(self, topic: str, before: int) -> None:
        """What Kafka's retention does: delete everything below that offset."""
        for future in self.kafka.delete_records([KafkaPartition(topic, 0, before)]).values():
            future.result()

    def delete_topic(self, topic: str) -> None:
        """Delete a topic, and wait until it is gone."""
        for future in self.kafka.delete_topics([topic]).values():
            future.result()
        topics = KafkaTopics(self.pipeline.settings.kafka)
        deadline = time.monotonic() + WAIT_SECONDS
        while topic in topics.describe([topic]):
            assert time.monotonic() < deadline, f"{topic} is still there"
            time.sleep(0.1)

    def make_topics(self) -> None:
        """Make the topics that are missing."""
        KafkaTopics(self.pipeline.settings.kafka).ensure(self.pipeline.settings.topics)

    def store(self, document_id: str, index: str, body: Mapping[str, Any], version: int = 1) -> None:
        """Write a document by hand."""
        self.search.admin.index(
            index=index, id=document_id, document=body, version=version, version_type="external_gte", refresh=True
        )

    def document(self, offset: int) -> tuple[str, str, dict[str, Any]]:
        """Id, index and body of the document of an uploaded record."""
        name = f"{self.pipeline.settings.topics.uploaded}-0-{offset}"
        self.search.admin.indices.refresh(index=self.search.alias)
        hits = self.search.admin.search(index=self.search.alias, query={"ids": {"values": [name]}})["hits"]["hits"]
        (hit,) = hits
        return name, hit["_index"], hit["_source"]

    def _limits(self, limits: Mapping[str, int]) -> Any:
        return reconcile_limits(ReconcileSettings.model_validate({**self.limits, **limits}), LedgerSettings())

    def _search_settings(self) -> Any:
        return self.search.sync_settings.model_copy(update={"alias": self.search.alias})


def _named(results: Mapping[str, CheckResult], status: Status) -> list[tuple[str, Finding]]:
    return [(name, each) for name, result in results.items() for each in result.findings if each.status is status]
