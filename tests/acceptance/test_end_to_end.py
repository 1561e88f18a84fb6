"""The platform from outside, by its contracts alone: HTTP, Kafka, WebHDFS with tar, SQL and Elasticsearch."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from local_stack import Endpoints
from local_stack.demo.airflow import run_dag
from local_stack.demo.camera import Camera
from local_stack.demo.corpus import make_photo, make_photos, truncated_jpeg
from local_stack.demo.customer import Customer, Receipt
from local_stack.demo.figures import outcomes_of
from local_stack.demo.kafka import Headers, photo_event, produce
from local_stack.demo.places import Places

PATIENCE = 180.0
"""Seconds after which what has to happen counts as not happening."""
PROCESSED, REJECTED = "photos.processed", "photos.rejected"
NOISE = b"\x00\xff" * 5000

Message = tuple[bytes | None, bytes | None, dict[str, str]]
"""Key, value and headers."""


@pytest.fixture
def places(full_stack: Endpoints) -> Places:
    """Where the servers are."""
    return Places.of(full_stack.as_environment())


@pytest.fixture
def customer(places: Places) -> Iterator[Customer]:
    """Somebody new."""
    name = f"Ada {uuid4().hex[:8]}"
    signed_up = Customer(places.api, name, f"{uuid4()}@example.com", "correct horse battery")
    yield signed_up
    signed_up.close()


def test_a_photo_travels_from_an_upload_to_a_report(places: Places, customer: Customer, tmp_path: Path) -> None:
    """Upload, gallery, shard and search tell the same story of the same photos, each in its own language."""
    photos = [*make_photos(22, seed=5), make_photo(0, seed=5), truncated_jpeg(5)]
    receipts, refused = customer.upload(photos)
    assert refused == []
    states = settled(customer, receipts)
    assert Counter(states) == {"processed": 22, "duplicate": 1, "rejected": 1}
    assert customer.original(receipts[3].photo_id) == photos[3].data

    members = members_of_shard(places, receipts[3].photo_id, tmp_path)
    kinds = [name.partition(".")[2] for name in members if name.startswith(receipts[3].photo_id)]
    assert kinds == ["original.png", "web.jpg", "thumb.jpg", "json"]

    by_sql = counts_by_sql(places, customer)
    assert sum(by_sql.values()) == 24
    assert by_sql["jpeg", "duplicate"] == by_sql[None, "rejected"] == 1
    eventually(lambda: synced(places, customer, by_sql), "the search index has what the ledger has")


def test_a_frame_of_a_camera_is_a_photo_like_any_other(places: Places, customer: Customer) -> None:
    """One frame by request, many by WebSocket: all end in the gallery, as they were sent."""
    camera = Camera(places.stream, customer.device_token("door"))
    frames = make_photos(5, seed=6)
    receipts, refused = camera.post(frames[:2], lambda: None)
    more, refused_too = camera.stream(frames[2:], lambda: None)
    assert refused + refused_too == []
    assert settled(customer, [*receipts, *more]) == ["processed"] * 5
    assert customer.original(receipts[1].photo_id) == frames[1].data


def test_noise_on_the_stream_is_a_dead_letter_and_the_next_photo_is_fine(places: Places, customer: Customer) -> None:
    """Random bytes without headers cannot stop the line; whoever looks at the dead letters finds them as they came."""
    photo = make_photo(1, seed=7)
    key, headers = photo_event(customer.customer_id, photo.data, photo.name)
    nothing: Headers = []
    # The same key, so that both are in the same partition, one right after the other.
    noise, good = produce(places, [(key, NOISE, nothing), (key, photo.data, headers)])
    assert (noise.partition, noise.offset + 1) == (good.partition, good.offset)
    eventually(lambda: outcomes_of(places, [noise, good]).keys() == {noise, good}, "both records have an outcome")
    assert outcomes_of(places, [noise, good]) == {noise: "rejected", good: "processed"}
    assert customer.sees(key.decode())

    def letter_of_noise(message: Message) -> bool:
        at = (message[2].get("reject_partition"), message[2].get("reject_offset"))
        return at == (str(noise.partition), str(noise.offset))

    [letter] = found_on(places, REJECTED, letter_of_noise, 1)
    assert letter[:2] == (key, NOISE)
    assert (letter[2]["reject_topic"], letter[2]["reject_reason"]) == ("photos.streamed", "not_a_cloudevent")


def test_every_processed_photo_is_told_once_to_whoever_listens(places: Places, customer: Customer) -> None:
    """One CloudEvent per processed photo, none for a duplicate or a reject, with all that a consumer needs."""
    photos = make_photos(6, seed=8)
    receipts, _ = customer.upload([*photos, photos[0], truncated_jpeg(8)])
    settled(customer, receipts)
    messages = found_on(places, PROCESSED, lambda message: message[2]["ce_subject"] == customer.customer_id, 6)
    told = {(key or b"").decode(): (value or b"", headers) for key, value, headers in messages}
    assert told.keys() == {receipt.photo_id for receipt in receipts[:6]}
    assert len({headers["ce_id"] for _, headers in told.values()}) == 6
    value, headers = told[receipts[0].photo_id]
    assert value.startswith(b"\xff\xd8\xff")
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == "photo.processed.v1"
    assert headers["ce_sha256"] == receipts[0].sha256
    assert (headers["ce_format"], headers["ce_width"], headers["ce_height"]) == ("jpeg", "4000", "3000")
    assert original_in_archive(places, headers["ce_archive"]) == photos[0].data


def settled(customer: Customer, receipts: list[Receipt]) -> list[str]:
    """What became of each, once nothing is pending."""
    eventually(lambda: "pending" not in customer.states(receipts), "every receipt is settled")
    return customer.states(receipts)


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.5)


def members_of_shard(places: Places, photo_id: str, folder: Path) -> list[str]:
    """What ``tar tf`` lists of the shard that holds the photo; the shard comes over WebHDFS."""
    with psycopg.connect(places.database) as connection:
        query = "SELECT path FROM photo JOIN shard USING (shard_id) WHERE photo_id = %s"
        row = connection.execute(query, (photo_id,)).fetchone()
    assert row is not None
    shard = folder / "shard.tar"
    shard.write_bytes(opened(places, row[0]))
    command = ["tar", "tf", str(shard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - the system's tar
    return done.stdout.splitlines()


def original_in_archive(places: Places, address: str) -> bytes:
    """The bytes that ``ce_archive`` names: a range of a shard, read over WebHDFS."""
    path, offset, length = address.split(";")
    return opened(places, path, offset=offset.removeprefix("offset="), length=length.removeprefix("length="))


def opened(places: Places, path: str, **extent: str) -> bytes:
    """A file on HDFS, or a range of it."""
    answer = httpx.get(
        f"{places.webhdfs}/webhdfs/v1{path}",
        params={"op": "OPEN", "user.name": places.hdfs_user, **extent},
        follow_redirects=True,
        timeout=60,
        trust_env=False,
    )
    return answer.raise_for_status().content


def counts_by_sql(places: Places, customer: Customer) -> Counter[tuple[str | None, str]]:
    """Outcomes by format, as an analyst's view tells them."""
    query = "SELECT format, outcome, sum(records) FROM bi_customer_format WHERE customer_name = %s GROUP BY 1, 2"
    with psycopg.connect(places.database) as connection:
        rows = connection.execute(query, (customer.name,)).fetchall()
    return Counter({(form, outcome): int(count) for form, outcome, count in rows})


def synced(places: Places, customer: Customer, expected: Counter[tuple[str | None, str]]) -> bool:
    """Whether one aggregation on Elasticsearch gives these counts, after a run of the sync."""
    run_dag(places, "photo_bi_sync")
    terms = [{name: {"terms": {"field": name, "missing_bucket": True}}} for name in ("format", "outcome")]
    body: dict[str, Any] = {
        "size": 0,
        "query": {"term": {"customer_name": customer.name}},
        "aggs": {"groups": {"composite": {"size": 100, "sources": terms}}},
    }
    answer = httpx.post(
        f"{places.elasticsearch}/photos/_search",
        json=body,
        auth=(places.elasticsearch_user, places.elasticsearch_password),
        timeout=60,
        trust_env=False,
    )
    buckets = answer.raise_for_status().json()["aggregations"]["groups"]["buckets"]
    return expected == {(b["key"]["format"], b["key"]["outcome"]): b["doc_count"] for b in buckets}


def found_on(places: Places, topic: str, wanted: Callable[[Message], bool], count: int) -> list[Message]:
    """The messages of a topic that are wanted, read from its beginning as a console consumer does.

    Waits until there are ``count``, then reads on to the end: one too many would be there by now.
    """
    config = {"bootstrap.servers": places.kafka, "group.id": f"console-{uuid4()}", "enable.auto.commit": False}
    consumer = Consumer({**config, "enable.partition.eof": True, "fetch.message.max.bytes": 40_000_000})
    partitions = consumer.list_topics(topic, 30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: list[Message] = []
    ends: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while len(found) < count or len(ends) < len(partitions):
        assert time.monotonic() < deadline, f"{len(found)} of {count} messages on {topic}"
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error() is not None:
            ends.add(int(message.partition() or 0))
        elif wanted(converted := (message.key(), message.value(), headers_of(message.headers()))):
            found.append(converted)
            ends.discard(int(message.partition() or 0))
    consumer.close()
    return found


def headers_of(headers: Any) -> dict[str, str]:
    """Headers as text."""
    return {name: value.decode() for name, value in headers or []}
