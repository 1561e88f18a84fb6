"""The exporter as it is run: a process of its own over real servers, under the role that sees figures and no photo."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline

from local_stack import Endpoints
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat

WAIT_SECONDS = 60.0
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def environment(pipeline: Pipeline, searched_stack: Endpoints) -> dict[str, str]:
    """The settings of the exporter, by which it sees this pipeline alone."""
    topics = pipeline.settings.topics
    return {
        **os.environ,
        "PYTHONPATH": "include",
        "PHOTO_KAFKA_BOOTSTRAP_SERVERS": pipeline.settings.kafka.bootstrap_servers,
        "PHOTO_TOPIC_UPLOADED": topics.uploaded,
        "PHOTO_TOPIC_STREAMED": topics.streamed,
        "PHOTO_DATABASE_URL": pipeline.database.bi.url.get_secret_value(),
        "PHOTO_METRICS_REFRESH_SECONDS": "0.3",
        "PHOTO_METRICS_ELASTICSEARCH_URL": searched_stack.elasticsearch_url,
        "PHOTO_METRICS_NAMENODE_URL": searched_stack.webhdfs_url,
    }


@contextmanager
def exporter(environment: dict[str, str]) -> Iterator[str]:
    """A running exporter's address; it ends well when it is told to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "photo_pipeline.metrics"]
    given = {**environment, "PHOTO_METRICS_PORT": str(port)}
    with subprocess.Popen(command, env=given, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - constants
        try:
            yield f"http://127.0.0.1:{port}/metrics"
        finally:
            process.terminate()
            _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def scrape(url: str) -> Samples:
    """All samples, as Prometheus reads them."""
    page = httpx.get(url, timeout=10).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def wait_for(url: str, expected: dict[str, float], **labels: str) -> Samples:
    """Scrape until these samples have these values, with these labels where a sample has them."""
    found: dict[str, list[float]] = {}
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            samples = scrape(url)
        except httpx.HTTPError:
            samples = {}
        found = {
            name: [value for (each, own), value in samples.items() if each == name and own >= _subset(own, labels)]
            for name in expected
        }
        if all(expected[name] in found[name] for name in expected):
            return samples
        time.sleep(0.1)
    raise AssertionError((expected, found))


def _subset(own: frozenset[tuple[str, str]], labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    names = {name for name, _ in own}
    return frozenset((name, value) for name, value in labels.items() if name in names)


def test_figures_follow_a_photo_through_the_platform(pipeline: Pipeline, environment: dict[str, str]) -> None:
    """Waiting while it waits, counted with its bytes once it is committed, shown in archive and outbox."""
    customer = pipeline.sign_up()
    photo = encoded(scene(64, 48, 1), SniffedFormat.JPEG)
    uploaded = pipeline.settings.topics.uploaded
    pipeline.send(customer, photo)
    pipeline.ingest()
    with exporter(environment) as url:
        wait_for(url, {"photo_archive_photos": 1, "photo_waiting_records": 0}, topic=uploaded, kind="archive")
        pipeline.send(customer, photo, encoded(scene(64, 48, 2), SniffedFormat.JPEG))
        pipeline.produce(OutboundRecord(uploaded, b"key", b"noise", []))
        samples = wait_for(url, {"photo_waiting_records": 3}, topic=uploaded)
        where = frozenset({("topic", uploaded), ("partition", "0")})
        assert 0 <= samples["photo_waiting_oldest_age_seconds", where] < WAIT_SECONDS
        pipeline.ingest()
        samples = wait_for(url, {"photo_waiting_records": 0, "photo_slices_total": 1}, topic=uploaded)
    counted = {
        dict(labels)["outcome"]: value
        for (name, labels), value in samples.items()
        if name == "photo_outcomes_total" and value
    }
    assert counted == {"processed": 1, "duplicate": 1, "rejected": 1}
    # The figures are SQL's.
    ((holds, shards, bytes_),) = pipeline.rows("SELECT (SELECT count(*) FROM hold), count(*), sum(length) FROM shard")
    kind = frozenset({("kind", "archive")})
    assert samples["photo_holds", frozenset()] == holds
    assert samples["photo_archive_shards", kind] == shards
    assert samples["photo_archive_bytes", kind] == bytes_
    for server in ("PostgreSQL", "Kafka", "Elasticsearch", "HDFS"):
        assert samples["photo_server_up", frozenset({("server", server)})] == 1
    assert 0 < samples["photo_hdfs_remaining_bytes", frozenset()] <= samples["photo_hdfs_capacity_bytes", frozenset()]
    assert samples["photo_freshness_seconds_count", frozenset()] == 3


def test_server_that_is_away_is_shown_and_costs_nothing_else(environment: dict[str, str]) -> None:
    """With a NameNode that is not there, the page has everything else, and the process goes on."""
    environment["PHOTO_METRICS_NAMENODE_URL"] = "http://127.0.0.1:9"
    with exporter(environment) as url:
        samples = wait_for(url, {"photo_server_up": 0}, server="HDFS")
    assert samples["photo_server_up", frozenset({("server", "Kafka")})] == 1


def test_missing_setting_is_one_line(environment: dict[str, str]) -> None:
    """It names the variable to set."""
    del environment["PHOTO_DATABASE_URL"]
    command = [sys.executable, "-m", "photo_pipeline.metrics"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - as above
    assert done.returncode == 2
    assert done.stderr == "set PHOTO_DATABASE_URL: Field required\n"


def test_exporter_can_read_figures_and_nothing_about_people(pipeline: Pipeline) -> None:
    """Its role reads the views; the tables with names and photos are closed to it."""
    engine = make_engine(pipeline.database.bi, "tests")
    with engine.connect() as connection:
        connection.execute(text("SELECT * FROM metric_archive"))
        for table in ("customer", "photo", "ingest_record", "notice"):
            with pytest.raises(ProgrammingError, match="permission denied"), connection.begin_nested():
                connection.execute(text(f"SELECT * FROM {table}"))
    engine.dispose()


def test_figures_cost_no_more_as_the_ledger_grows(pipeline: Pipeline) -> None:
    """The newest commits and what is not synced are found through indexes: no view reads a large table in full."""
    engine = make_engine(pipeline.database.owner, "tests")
    queries = (
        "SELECT * FROM metric_commit JOIN metric_outcome USING (slice_id) WHERE committed_at > now() - interval '1 h'",
        "SELECT * FROM metric_unsynced",
        "SELECT * FROM metric_archive",
        "SELECT * FROM metric_outbox",
        "SELECT * FROM metric_check",
    )
    with engine.connect() as connection:
        # A new database is so small that reading it in full is quickest; later it is not.
        connection.execute(text("SET enable_seqscan = off"))
        for query in queries:
            plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {query}")))
            for table in ("ledger_record", "ledger_state", "slice", "shard", "outbox", "reconciliation"):
                assert f"Seq Scan on {table}" not in plan, plan
    engine.dispose()
