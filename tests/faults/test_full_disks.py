"""Disks that are really full: senders are told, nothing is lost, and work goes on when there is space again."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http import HTTPStatus
from itertools import count
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from tests.faults.test_ingest_crashes import Batch
from tests.faults.test_outages import retried
from tests.support.databases import Database, fresh_database, superuser_of
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.replicas import api_environment, running_replicas, wait_for
from tests.support.small_disks import full, grow, small_disk
from tests.support.spare_servers import data_folder, spare_servers
from tests.support.tus import OCTETS, begin, left_in, offset_of, problem, send
from tests.support.uploading import photo, signed_in, upload
from tests.support.web import running, sign_up, web_settings

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from local_stack.layout import layout_of
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.imaging import SniffedFormat

pytestmark = pytest.mark.shares_servers

DISK_MEBIBYTES = 64
MEBIBYTE = 1024 * 1024
ANSWER_SECONDS = 15.0
"""The API promises an answer within 5 s; a machine that runs a test suite may be slow besides."""
RESTART_SECONDS = 120.0


@pytest.fixture
def superuser(test_stack: Stack) -> str:
    """Give the password of PostgreSQL's superuser."""
    return superuser_of(test_stack)


@pytest.fixture
def database(stack: Endpoints, superuser: str) -> Iterator[Database]:
    """Give an empty, migrated database of this test's own."""
    with fresh_database(stack, superuser) as fresh:
        yield fresh


def test_kafka_full(stack: Endpoints, database: Database, tmp_path: Path) -> None:
    """Uploads get 503 with ``Retry-After``; with space, broker and API go on by themselves, and all receipts hold."""
    with spare_servers(tmp_path / "spare") as spare, small_disk(data_folder(spare, "kafka"), DISK_MEBIBYTES) as disk:
        servers = replace(stack, kafka_bootstrap_servers=spare.up(["kafka"]).kafka_bootstrap_servers)
        try:
            with own_pipeline(servers, database) as pipeline:
                full_kafka(pipeline, disk, tmp_path)
        finally:
            spare.down()


def full_kafka(pipeline: Pipeline, disk: Path, folder: Path) -> None:
    """Upload before, while and after Kafka's disk is full."""
    key_file = Credentials(folder).signing_key_file()
    with (
        running_replicas(api_environment(pipeline, key_file), 1, folder) as [replica],
        closing(signed_in(replica.url, ANSWER_SECONDS)) as client,
    ):
        receipts = upload(client, photo(0)).raise_for_status().json()["receipts"]
        with full(disk):
            photos = count(1)
            refused = upload(client, photo(next(photos)))
            while refused.is_success:  # the log's last page may have room for one more
                receipts += refused.json()["receipts"]
                refused = upload(client, photo(next(photos)))
            assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            assert int(refused.headers["Retry-After"]) > 0
            assert upload(client, photo(next(photos))).status_code == HTTPStatus.SERVICE_UNAVAILABLE
            assert client.get("/photos").status_code == HTTPStatus.OK
            assert client.get(f"{replica.url}/healthz").status_code == HTTPStatus.OK
        answers = []

        def accepted() -> bool:
            answers.append(upload(client, photo(next(photos))))
            return answers[-1].status_code == HTTPStatus.ACCEPTED

        wait_for(accepted, "uploads are accepted again", RESTART_SECONDS)
        receipts += answers[-1].json()["receipts"]
        assert replica.is_alive()
    retried(pipeline.ingest)
    for receipt in receipts:
        place = {name: receipt[name] for name in ("topic", "partition", "offset")}
        query = 'SELECT outcome FROM ingest_record WHERE (topic, "partition", "offset") = (:topic, :partition, :offset)'
        assert pipeline.rows(query, **place) == [("processed",)]


def test_postgresql_full(test_stack: Stack, stack: Endpoints, database: Database, superuser: str) -> None:
    """The commit fails as one; photos wait in Kafka and more come in; with space the same slice goes through."""
    with small_tablespace(test_stack, stack, superuser, database) as disk, own_pipeline(stack, database) as own:
        pipeline = own.with_limits(workers=1, lease_seconds=600)
        batch = Batch(pipeline, pipeline.sign_up(), uuid4().int % 2**32)
        (slice_id,) = pipeline.plan("run")
        with full(disk):
            with pytest.raises(ServerUnavailableError, match="No space left on device"):
                pipeline.process(slice_id, "run")
            assert pipeline.rows("SELECT count(*) FROM ingest_record") == [(0,)]
            late = Batch(pipeline, batch.customer, uuid4().int % 2**32)
        pipeline.process(slice_id, "run")
        batch.assert_exactly_once()
        pipeline.ingest()
        late.assert_exactly_once()
        batch.assert_contiguous()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_uploads_disk_full(tmp_path: Path) -> None:
    """503 with ``Retry-After``; a creation leaves nothing, what had an address is kept, and with space both go on."""
    data = encoded(scene(64, 48, 1), SniffedFormat.JPEG) + os.urandom(4 * MEBIBYTE)
    with small_disk(tmp_path / "disk", 2) as disk:
        settings = web_settings(tmp_path, upload_dir=disk / "uploads")
        async with running(settings) as platform, platform.client() as ada:
            await sign_up(ada)
            url = await begin(ada, len(data))
            headers = {**OCTETS, "Upload-Length": str(len(data))}
            too_large = await ada.post("/uploads", content=data, headers=headers)
            assert problem(too_large, HTTPStatus.SERVICE_UNAVAILABLE)["type"].endswith("storage_unavailable")
            assert int(too_large.headers["Retry-After"]) > 0
            assert left_in(settings.upload_dir) == [".json", ".part"]
            with full(disk):
                assert (await ada.post("/uploads", headers=headers)).status_code == HTTPStatus.SERVICE_UNAVAILABLE
                assert left_in(settings.upload_dir) == [".json", ".part"]
            cut = await send(ada, url, 0, data)
            assert problem(cut, HTTPStatus.SERVICE_UNAVAILABLE)["type"].endswith("storage_unavailable")
            grow(disk, 16)
            offset = await offset_of(ada, url)
            assert 0 < offset < len(data)
            assert "Photo-Receipt" in (await send(ada, url, offset, data[offset:])).headers
            assert [record.value for record in platform.log.records] == [data]


@contextmanager
def small_tablespace(test_stack: Stack, stack: Endpoints, superuser: str, database: Database) -> Iterator[Path]:
    """Move a database to a small disk of its own, and back before it is dropped."""
    layout = layout_of(test_stack.settings)
    space = f"small_{uuid4().hex[:12]}"
    name = sql.Identifier(str(make_url(database.owner.url.get_secret_value()).database))
    server = make_url(stack.database_url)
    with (
        small_disk(layout.data / space, DISK_MEBIBYTES) as disk,
        closing(
            psycopg.connect(
                host=server.host,
                port=server.port,
                user="postgres",
                password=superuser,
                dbname="postgres",
                autocommit=True,
            )
        ) as connection,
    ):
        layout.make_owned(disk / "tablespace")
        location = sql.Literal(str(disk / "tablespace"))
        connection.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(sql.Identifier(space), location))
        connection.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE {}").format(name, sql.Identifier(space)))
        try:
            yield disk
        finally:
            connection.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE pg_default").format(name))
            connection.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(space)))
    shutil.rmtree(layout.data / space)
