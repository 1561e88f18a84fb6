"""Checks every receipt against what can be seen from outside, without any code of the pipeline.

Each check returns what it found wrong, one line each; no line means that all is well.
"""

import tarfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

import httpx
import psycopg
from confluent_kafka import Consumer, TopicPartition
from tests.chaos.load import Held, Sender

from local_stack import Endpoints
from local_stack.services.asking import NO_AUTHORITIES

PAGE = 1000
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the checks work on.

    Attributes:
        endpoints: where everything listens.
        senders: the customers, still logged in.
        held: every receipt.
        sent: sha256 of whatever was ever sent.
        database: the owner's connection to PostgreSQL.
    """

    endpoints: Endpoints
    senders: Sequence[Sender]
    held: Sequence[Held]
    sent: set[str]
    database: psycopg.Connection

    @property
    def customers(self) -> list[str]:
        """The customers' ids."""
        return [sender.customer_id for sender in self.senders]

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return self.database.execute(query, parameters).fetchall()


def every_receipt_has_one_record(evidence: Evidence) -> Iterator[str]:
    """One ``ingest_record`` where the receipt says, for that photo and customer, with the outcome it must have."""
    query = 'SELECT topic, "partition", "offset", outcome, photo_id::text, customer_id::text FROM ingest_record'
    records = defaultdict(list)
    for topic, partition, offset, *rest in evidence.rows(query):
        records[topic, partition, offset].append(tuple(rest))
    for held in evidence.held:
        at = (held.topic, held.partition, held.offset)
        found = records[at]
        good = {"processed", "duplicate"} if held.is_photo else {"rejected"}
        if len(found) != 1:
            yield f"{at}: {len(found)} records for one receipt"
        elif found[0][0] not in good:
            yield f"{at}: {found[0][0]}, not {' or '.join(sorted(good))}"
        elif found[0][1:] != (held.photo_id, held.customer_id) and held.is_photo:
            yield f"{at}: photo and customer are {found[0][1:]}, not {(held.photo_id, held.customer_id)}"


def no_photo_is_processed_twice(evidence: Evidence) -> Iterator[str]:
    """One record of each photo is ``processed``, however often and through whichever topic it came."""
    query = (
        "SELECT photo_id::text, count(*) FILTER (WHERE outcome = 'processed') FROM ingest_record "
        "WHERE customer_id = ANY(%s::uuid[]) AND outcome IN ('processed', 'duplicate') GROUP BY photo_id"
    )
    for photo_id, times in evidence.rows(query, evidence.customers):
        if times != 1:
            yield f"photo {photo_id}: processed {times} times"


def the_ledger_is_contiguous(evidence: Evidence) -> Iterator[str]:
    """Records from the first offset to ``next_offset`` without a hole, and that is all that Kafka has."""
    query = (
        'SELECT p.topic, p."partition", p.first_offset, p.next_offset, count(r."offset"), min(r."offset"), '
        'max(r."offset") FROM partition_progress p LEFT JOIN ingest_record r USING (topic, "partition", incarnation) '
        'GROUP BY p.topic, p."partition", p.first_offset, p.next_offset'
    )
    with _consumer(evidence.endpoints) as consumer:
        for topic, partition, first, after_last, count, lowest, highest in evidence.rows(query):
            where = f"{topic}-{partition}"
            if count != after_last - first or (count and (lowest, highest) != (first, after_last - 1)):
                yield f"{where}: {count} records in [{first}, {after_last})"
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=PATIENCE_SECONDS)
            if end != after_last:
                yield f"{where}: the ledger ends at {after_last}, Kafka at {end}"


def shards_are_what_the_index_says(evidence: Evidence) -> Iterator[str]:
    """Each shard is a readable tar of the length in its row; each rendition's bytes have the index's checksum."""
    query = (
        "SELECT s.shard_id, s.path, s.length FROM shard s WHERE s.state = 'live' AND EXISTS (SELECT 1 FROM photo p "
        "WHERE p.shard_id = s.shard_id AND p.customer_id = ANY(%s::uuid[]))"
    )
    for shard_id, path, length in evidence.rows(query, evidence.customers):
        data = _file(evidence.endpoints, path)
        if data is None or len(data) != length:
            yield f"{path}: {'missing' if data is None else len(data)}, not {length} bytes"
            continue
        yield from _members(evidence, shard_id, path, data)


def _members(evidence: Evidence, shard_id: int, path: str, data: bytes) -> Iterator[str]:
    with tarfile.open(fileobj=BytesIO(data)) as tar:
        members = {(member.offset_data, member.size): member.name for member in tar}
    query = 'SELECT photo_id::text, kind, "offset", length, crc32 FROM rendition WHERE shard_id = %s'
    for photo_id, kind, offset, length, checksum in evidence.rows(query, shard_id):
        name = members.get((offset, length), "")
        if not name.startswith(f"{photo_id}.{kind}."):
            yield f"{path}: no member {photo_id}.{kind} at {offset}+{length}"
        if zlib.crc32(data[offset : offset + length]) != checksum:
            yield f"{path}: the bytes of {photo_id}.{kind} are others than the index says"


def the_gallery_shows_each_photo_once(evidence: Evidence) -> Iterator[str]:
    """All that was accepted is there, once, and nothing that its customer never sent."""
    for sender in evidence.senders:
        shown = Counter(str(photo["sha256"]) for photo in _gallery(sender))
        wanted = {held.sha256 for held in evidence.held if held.is_photo and held.customer_id == sender.customer_id}
        yield from (f"{digest}: accepted, not in the gallery" for digest in wanted - set(shown))
        yield from (f"{digest}: {times} times in the gallery" for digest, times in shown.items() if times > 1)
        yield from (f"{digest}: in the gallery, never sent" for digest in set(shown) - evidence.sent)


def every_original_is_what_was_sent(evidence: Evidence) -> Iterator[str]:
    """Downloaded through the gallery by its customer, byte for byte."""
    senders = {sender.customer_id: sender for sender in evidence.senders}
    wanted = {(held.customer_id, held.photo_id, held.sha256) for held in evidence.held if held.is_photo}
    for customer_id, photo_id, digest in sorted(wanted):
        answer = senders[customer_id].http.get(f"/photos/{photo_id}/original")
        if not answer.is_success:
            yield f"{photo_id}: the original answers {answer.status_code}"
        elif sha256(answer.content).hexdigest() != digest:
            yield f"{photo_id}: the original is not what was sent"


def receipts_tell_the_truth(evidence: Evidence) -> Iterator[str]:
    """The API says of each receipt what became of its record; nothing is pending."""
    for sender in evidence.senders:
        held = [each for each in evidence.held if each.customer_id == sender.customer_id]
        for start in range(0, len(held), 100):
            part = held[start : start + 100]
            answer = sender.http.post("/receipts", json={"tokens": [each.token for each in part]}).raise_for_status()
            for each, told in zip(part, answer.json()["receipts"], strict=True):
                good = {"processed", "duplicate"} if each.is_photo else {"rejected"}
                if told["status"] not in good:
                    yield f"{each.photo_id}: its receipt says {told['status']}"


def elasticsearch_equals_postgresql(evidence: Evidence) -> Iterator[str]:
    """One document for each record of these customers, with its outcome and photo."""
    query = (
        "SELECT topic || '-' || \"partition\" || '-' || \"offset\", outcome, photo_id::text FROM ingest_record "
        "WHERE customer_id = ANY(%s::uuid[])"
    )
    records = {key: (outcome, photo_id) for key, outcome, photo_id in evidence.rows(query, evidence.customers)}
    documents = dict(_documents(evidence))
    yield from (f"{key}: not in Elasticsearch" for key in records.keys() - documents.keys())
    yield from (f"{key}: in Elasticsearch alone" for key in documents.keys() - records.keys())
    for key in records.keys() & documents.keys():
        if records[key] != documents[key]:
            yield f"{key}: {documents[key]} in Elasticsearch, {records[key]} in PostgreSQL"


def whoever_listens_hears_of_every_photo(evidence: Evidence) -> Iterator[str]:
    """``photos.processed`` has each processed photo at least once, always under one event id."""
    query = "SELECT photo_id::text FROM ingest_record WHERE customer_id = ANY(%s::uuid[]) AND outcome = 'processed'"
    wanted = {photo_id for (photo_id,) in evidence.rows(query, evidence.customers)}
    heard: dict[str, set[str]] = defaultdict(set)
    for key, headers in _messages(evidence.endpoints, "photos.processed"):
        heard[key].add(headers["ce_id"])
    yield from (f"{photo_id}: no event" for photo_id in wanted - heard.keys())
    yield from (f"{photo_id}: events {heard[photo_id]}" for photo_id in wanted if len(heard[photo_id]) > 1)


CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    every_receipt_has_one_record,
    no_photo_is_processed_twice,
    the_ledger_is_contiguous,
    receipts_tell_the_truth,
    the_gallery_shows_each_photo_once,
    every_original_is_what_was_sent,
    shards_are_what_the_index_says,
    whoever_listens_hears_of_every_photo,
    elasticsearch_equals_postgresql,
)


def _gallery(sender: Sender) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        parameters = {} if cursor is None else {"cursor": cursor}
        page = sender.http.get("/photos", params=parameters).raise_for_status().json()
        yield from page["photos"]
        cursor = page.get("next_cursor")
        if not cursor:
            return


def _file(endpoints: Endpoints, path: str) -> bytes | None:
    parameters = {"op": "OPEN", "user.name": endpoints.hdfs_user}
    for namenode in endpoints.webhdfs_url.split(";"):  # one that stands by refuses
        url = f"{namenode}/webhdfs/v1{path}"
        answer = httpx.get(
            url,
            params=parameters,
            follow_redirects=True,
            timeout=PATIENCE_SECONDS,
            verify=NO_AUTHORITIES,
            trust_env=False,
        )
        if answer.is_success:
            return answer.content
    return None


def _documents(evidence: Evidence) -> Iterator[tuple[str, tuple[str, str | None]]]:
    endpoints = evidence.endpoints
    after: list[Any] = []
    with httpx.Client(
        base_url=endpoints.elasticsearch_url,
        auth=(endpoints.elasticsearch_user, endpoints.elasticsearch_password),
        timeout=PATIENCE_SECONDS,
        trust_env=False,
    ) as client:
        client.post("/photos/_refresh").raise_for_status()
        while True:
            body: dict[str, Any] = {
                "size": PAGE,
                "query": {"terms": {"customer_id": evidence.customers}},
                "sort": ["topic", "partition", "offset"],
                **({"search_after": after} if after else {}),
            }
            hits = client.post("/photos/_search", json=body).raise_for_status().json()["hits"]["hits"]
            for hit in hits:
                yield hit["_id"], (hit["_source"]["outcome"], hit["_source"].get("photo_id"))
            if len(hits) < PAGE:
                return
            after = hits[-1]["sort"]


class _consumer:  # noqa: N801 - reads as a function where it is used
    """A consumer that is closed at the end."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": endpoints.kafka_bootstrap_servers,
                "group.id": "chaos-verifier",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.message.max.bytes": 40_000_000,
            }
        )

    def __enter__(self) -> Consumer:
        return self._consumer

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def _messages(endpoints: Endpoints, topic: str) -> Iterator[tuple[str, dict[str, str]]]:
    with _consumer(endpoints) as consumer:
        partitions = consumer.list_topics(topic, PATIENCE_SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        ended: set[int] = set()
        while len(ended) < len(partitions):
            message = consumer.poll(PATIENCE_SECONDS)
            if message is None:
                raise TimeoutError(f"{topic}: nothing for {PATIENCE_SECONDS:.0f} s")
            if message.error() is not None:
                ended.add(int(message.partition() or 0))
                continue
            headers: Any = message.headers() or []
            yield (message.key() or b"").decode(), {name: value.decode() for name, value in headers}
