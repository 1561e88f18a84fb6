"""The power goes: what was acknowledged is on disk, what was not acknowledged may be gone."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from tests.support.images import encoded, scene
from tests.support.power import LosingPower, losing_power
from tests.support.spare_servers import spare_servers
from tests.support.web import NOON

from local_stack import Endpoints, Stack
from local_stack.layout import layout_of
from local_stack.services import hdfs
from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader, KafkaPhotoLogWriter, KafkaTopics
from photo_pipeline.adapters.upload_directory import UploadDirectory
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.domain.uploads import Announced
from photo_pipeline.settings import HdfsSettings, KafkaSettings, TopicNames

SERVERS = ("postgres", "kafka", "hdfs")
SERVER_MEBIBYTES = 4096
UPLOAD_MEBIBYTES = 32
MEBIBYTE = 1024 * 1024
PHOTOS = 40
SHARD = "/photos/_staging/shard.tar"
SHARD_BYTES = 3 * MEBIBYTE + 12_345
"""Four blocks, as they are of 1 MiB here: the client flushes the last one only."""
ENDED_SECONDS = 30.0


@pytest.fixture
def uploads_disk(tmp_path: Path) -> Iterator[LosingPower]:
    """Give a disk for parts of uploads."""
    with losing_power(tmp_path / "uploads", tmp_path / "uploads.img", UPLOAD_MEBIBYTES) as disk:
        yield disk


@pytest.mark.skipif("PHOTO_TEST_POWER" not in os.environ, reason="starts three servers twice: make power runs it")
def test_servers_keep_what_they_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL a commit, Kafka's only broker its records, HDFS each block of a closed file, and its name.

    A file beside them that nobody flushed is gone: so the power was really cut.
    """
    site = hdfs.site
    monkeypatch.setattr(hdfs, "site", lambda *about: {**site(*about), "dfs.blocksize": MEBIBYTE})
    with spare_servers(tmp_path / "spare") as spare:
        data = layout_of(spare.settings).data
        with losing_power(data, tmp_path / "servers.img", SERVER_MEBIBYTES) as disk:
            try:
                endpoints = spare.up(SERVERS)
                shard = os.urandom(SHARD_BYTES)
                photos = [os.urandom(30_000) for _ in range(PHOTOS)]
                commit(endpoints)
                publish(endpoints, photos)
                write_shard(endpoints, shard)
                (data / "unflushed").write_bytes(b"nobody was told that this is safe")
                disk.cut()
                end(spare)
                disk.restore()
                spare.up(SERVERS)
                assert not (data / "unflushed").exists()
                assert committed(endpoints) == [(1,)]
                assert published(endpoints) == photos
                assert archive(endpoints).read(f"/photos/archive/{SHARD[-9:]}", 0, len(shard)) == shard
            finally:
                end(spare)


def end(spare: Stack) -> None:
    """Kill what runs, as its machine has lost its power, and keep it from coming back."""
    pids = [pid for name in ("postgres", "kafka", "namenode", "datanode") if (pid := spare.pid_of(name))]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    spare.down()


def archive(endpoints: Endpoints) -> HdfsArchive:
    """The archive."""
    return HdfsArchive(HdfsSettings(namenode=endpoints.hdfs_namenode))


def write_shard(endpoints: Endpoints, data: bytes) -> None:
    """As a slice does: written, closed, renamed."""
    files = archive(endpoints)
    writer = files.create(SHARD)
    writer.write(data)
    writer.close()
    files.rename(SHARD, f"/photos/archive/{SHARD[-9:]}")


def kafka(endpoints: Endpoints) -> KafkaSettings:
    """One partition, so that what comes back has one order."""
    return KafkaSettings(bootstrap_servers=endpoints.kafka_bootstrap_servers, partitions=1)


def publish(endpoints: Endpoints, photos: list[bytes]) -> None:
    """Returns when all are acknowledged."""
    KafkaTopics(kafka(endpoints)).ensure(TopicNames())
    topic = TopicNames().uploaded
    deliveries = KafkaPhotoLogWriter(kafka(endpoints)).publish(
        [OutboundRecord(topic, None, data, ()) for data in photos]
    )
    assert [delivery.coordinates.offset for delivery in deliveries] == list(range(PHOTOS))


def published(endpoints: Endpoints) -> list[bytes | None]:
    """What the log holds."""
    reader = KafkaPhotoLogReader(kafka(endpoints))
    partition = TopicPartition(TopicNames().uploaded, 0)
    end_offset = reader.watermarks([partition.topic])[partition].high
    return [record.value for record in reader.read(partition, 0, end_offset)]


def commit(endpoints: Endpoints) -> None:
    """A row, with the product's own settings of durability: PostgreSQL's defaults."""
    with closing(psycopg.connect(endpoints.database_url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE acknowledged (number int)")
        connection.execute("INSERT INTO acknowledged VALUES (1)")


def committed(endpoints: Endpoints) -> list[tuple[int]]:
    """The rows."""
    with closing(psycopg.connect(endpoints.database_url, autocommit=True)) as connection:
        return connection.execute("SELECT number FROM acknowledged").fetchall()


def announced(length: int) -> Announced:
    """An upload of a customer who has no folder yet."""
    return Announced(uuid4(), uuid4(), length, {"filename": b"a.jpg"}, NOON, NOON + timedelta(days=1))


def test_an_upload_keeps_the_bytes_that_were_acknowledged(uploads_disk: LosingPower) -> None:
    """Its address, its offset and its bytes are there; bytes that nobody flushed, after them, are not."""
    data = encoded(scene(320, 240, 1), SniffedFormat.JPEG)
    upload = announced(len(data))
    with UploadDirectory(uploads_disk.folder).begin(upload, 64) as begun:
        begun.append(data[:5000])
        begun.sync()
        begun.keep()
        (uploads_disk.folder / "unflushed").write_bytes(data)
        uploads_disk.cut()
    uploads_disk.restore()
    assert not (uploads_disk.folder / "unflushed").exists()
    with UploadDirectory(uploads_disk.folder).lock(upload.customer_id, upload.upload_id) as found:
        assert found.upload.announced == upload
        assert found.upload.stored == 5000
        assert found.read() == data[:5000]


def test_an_upload_keeps_its_receipt(uploads_disk: LosingPower) -> None:
    """Told with the last answer, it is told again after the power failure."""
    upload = announced(5)
    with UploadDirectory(uploads_disk.folder).begin(upload, 64) as begun:
        begun.append(b"photo")
        begun.complete('{"token": "a receipt"}', upload.expires_at)
        uploads_disk.cut()
    uploads_disk.restore()
    found = UploadDirectory(uploads_disk.folder).find(upload.customer_id, upload.upload_id)
    assert (found.receipt, found.offset) == ('{"token": "a receipt"}', 5)


def test_a_creation_that_was_not_answered_is_nobodys_after_a_power_failure(uploads_disk: LosingPower) -> None:
    """Whatever of it has reached the disk, a sweep removes it, and it takes no room."""
    upload = announced(1000)
    with UploadDirectory(uploads_disk.folder).begin(upload, 1) as begun:
        begun.append(b"photo")
        begun.sync()
        uploads_disk.cut()
    uploads_disk.restore()
    directory = UploadDirectory(uploads_disk.folder)
    directory.sweep(NOON, NOON)
    assert not [path for path in uploads_disk.folder.glob("*/*/*") if path.is_file()]
    with directory.begin(upload, 1) as again:
        again.keep()
