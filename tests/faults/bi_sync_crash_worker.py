"""The sync to the search index with a crash point at its ports, to be run in a process of its own."""

from dataclasses import replace

from tests.support.crashing import Crashing, CrashPoint, crashing
from tests.support.syncing import sync_ports

from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.settings import DatabaseSettings, ElasticsearchSettings
from photo_pipeline.use_cases.bi_sync import sync_outcomes


def sync(
    point: CrashPoint,
    ledger: DatabaseSettings,
    analyst: DatabaseSettings,
    search: ElasticsearchSettings,
    alias: str,
    **options: int,
) -> None:
    """What the task does, with the use case's own options."""
    with make_client(search) as client:
        reading, writing = make_engine(analyst, "test"), make_engine(ledger, "photo_bi_sync")
        ports = sync_ports(reading, writing, ElasticsearchIndex(client, alias))
        rebuild = ports.rebuild
        ports = replace(ports, rebuild=lambda generation: Crashing(rebuild(generation), "rebuild", point))
        sync_outcomes(crashing(ports, point, "source", "state", "index"), **options)
