"""The same question to four places: what became of the photos? Each is asked in its own language.

Shares no code with the pipeline: SQL, WebHDFS with ``tarfile``, and Elasticsearch's search are all it uses.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from local_stack.demo.customer import Coordinates
from local_stack.demo.errors import NotUpError, RequestRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from local_stack.demo.places import Places

ARCHIVE = "/photos/archive"
INDEX = "photos"
SOURCES = {"photos.uploaded": "upload", "photos.streamed": "stream"}
NOBODY = ""
REQUEST_SECONDS = 60.0
MAX_GROUPS = 10_000
MAX_SEARCH_IDS = 10_000

Group = tuple[str, str]
"""Customer id (``NOBODY`` where the record names no customer of ours) and source."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about.

    Attributes:
        customers: All records of these customer ids.
        strays: Records that belong to none of them.
        since: Shards older than this hold none of it.
    """

    customers: Collection[str]
    strays: Collection[Coordinates]
    since: datetime


@dataclass(slots=True)
class Archived:
    """What the shards on HDFS hold.

    Attributes:
        photos: Distinct photos per group. A photo that came through both sources counts where it was accepted first.
        shards: How many shards were opened.
        length: Their length in bytes.
        damaged: Photos whose original is not the one that its sha256 stands for.
    """

    photos: Counter[Group] = field(default_factory=Counter)
    shards: int = 0
    length: int = 0
    damaged: int = 0


def in_ledger(places: Places, question: Question) -> dict[Group, Counter[str]]:
    """Count the ledger's records per group and outcome."""
    own = "SELECT customer_id, topic, outcome, count(*) FROM ingest_record WHERE customer_id = ANY(%s) GROUP BY 1, 2, 3"
    stray = """
        SELECT NULL, topic, outcome, count(*)
          FROM ingest_record JOIN unnest(%s::text[], %s::int[], %s::bigint[]) AS asked (topic, "partition", "offset")
               USING (topic, "partition", "offset")
         GROUP BY topic, outcome
    """
    with _database(places) as connection:
        rows = connection.execute(own, (list(question.customers),)).fetchall()
        rows += connection.execute(stray, _columns(question.strays)).fetchall()
    return _by_group(rows)


def in_photo_table(places: Places, question: Question) -> Counter[Group]:
    """Count the rows of ``photo`` per group."""
    statement = "SELECT customer_id, source, count(*) FROM photo WHERE customer_id = ANY(%s) GROUP BY 1, 2"
    with _database(places) as connection:
        rows = connection.execute(statement, (list(question.customers),)).fetchall()
    return Counter({(str(customer), source): count for customer, source, count in rows})


def outcomes_of(places: Places, records: Collection[Coordinates]) -> dict[Coordinates, str]:
    """Return what the ledger says of these records; one that is not processed yet is left out."""
    statement = """
        SELECT topic, "partition", "offset", outcome
          FROM ingest_record JOIN unnest(%s::text[], %s::int[], %s::bigint[]) AS asked (topic, "partition", "offset")
               USING (topic, "partition", "offset")
    """
    with _database(places) as connection:
        rows = connection.execute(statement, _columns(records)).fetchall()
    return {Coordinates(topic, partition, offset): outcome for topic, partition, offset, outcome in rows}


def rejected_records(places: Places, question: Question) -> set[Coordinates]:
    """Return the records that were rejected."""
    statement = """
        SELECT topic, "partition", "offset" FROM ingest_record
         WHERE outcome = 'rejected'
           AND (customer_id = ANY(%s) OR (topic, "partition", "offset") IN
                (SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[])))
    """
    with _database(places) as connection:
        rows = connection.execute(statement, (list(question.customers), *_columns(question.strays))).fetchall()
    return {Coordinates(*row) for row in rows}


def in_search(places: Places, question: Question) -> dict[Group, Counter[str]]:
    """Count Elasticsearch's documents per group and outcome, by one aggregation each."""
    own = {"terms": {"customer_id": list(question.customers)}}
    strays = {"ids": {"values": [str(record) for record in question.strays]}}
    rows = [(key["customer_id"], key["topic"], key["outcome"], count) for key, count in _aggregate(places, own)]
    rows += [(None, key["topic"], key["outcome"], count) for key, count in _aggregate(places, strays)]
    return _by_group(rows)


def in_archive(places: Places, question: Question) -> Archived:
    """Open every shard that was written since, and count what is in it."""
    found = Archived()
    first: dict[str, tuple[datetime, Group]] = {}
    with _webhdfs(places) as client:
        for path, length in _shards(client, question.since):
            found.shards += 1
            found.length += length
            for photo, digest in _photos_in(client, path):
                if photo["customer_id"] in question.customers:
                    group = (photo["customer_id"], photo["source"])
                    seen = (datetime.fromisoformat(photo["accepted_at"]), group)
                    first[photo["photo_id"]] = min(first.get(photo["photo_id"], seen), seen)
                    found.damaged += digest != photo["sha256"]
    found.photos = Counter(group for _, group in first.values())
    return found


def _database(places: Places) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        return psycopg.connect(places.database, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise NotUpError(f"PostgreSQL does not answer ({str(error).partition(chr(10))[0]})") from error


def _columns(records: Collection[Coordinates]) -> tuple[list[str], list[int], list[int]]:
    return [r.topic for r in records], [r.partition for r in records], [r.offset for r in records]


def _by_group(rows: Collection[tuple[Any, ...]]) -> dict[Group, Counter[str]]:
    groups: dict[Group, Counter[str]] = {}
    for customer, topic, outcome, count in rows:
        group = (NOBODY if customer is None else str(customer), SOURCES.get(topic, topic))
        groups.setdefault(group, Counter())[outcome] += count
    return groups


def _aggregate(places: Places, query: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    fields = ("customer_id", "topic", "outcome")
    sources = [{name: {"terms": {"field": name, "missing_bucket": True}}} for name in fields]
    body = {"size": 0, "query": query, "aggs": {"groups": {"composite": {"size": MAX_GROUPS, "sources": sources}}}}
    try:
        answer = httpx.post(
            f"{places.elasticsearch}/{INDEX}/_search",
            params={"ignore_unavailable": "true"},
            json=body,
            auth=(places.elasticsearch_user, places.elasticsearch_password),
            timeout=REQUEST_SECONDS,
            trust_env=False,
            verify=places.trusted or True,
        )
    except httpx.HTTPError as error:
        raise NotUpError(f"Elasticsearch does not answer ({error})") from error
    if answer.is_error:
        raise RequestRefusedError("the search in Elasticsearch", answer.status_code, answer.text)
    for bucket in answer.json().get("aggregations", {}).get("groups", {}).get("buckets", []):
        yield bucket["key"], bucket["doc_count"]


def _shards(client: httpx.Client, since: datetime) -> Iterator[tuple[str, int]]:
    for day in _listing(client, ARCHIVE):
        folder = f"{ARCHIVE}/{day['pathSuffix']}"
        for file in _listing(client, folder):
            if file["type"] == "FILE" and file["modificationTime"] >= since.timestamp() * 1000:
                yield f"{folder}/{file['pathSuffix']}", file["length"]


def _listing(client: httpx.Client, folder: str) -> list[dict[str, Any]]:
    with _opened(client, folder, "LISTSTATUS") as answer:
        answer.read()
        files: list[dict[str, Any]] = answer.json()["FileStatuses"]["FileStatus"]
    return files


def _photos_in(client: httpx.Client, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Each photo's description, and the sha256 of the original that lies beside it."""
    digests: dict[str, str] = {}
    with tempfile.TemporaryFile() as file:
        with _opened(client, path, "OPEN") as answer:
            for piece in answer.iter_bytes():
                file.write(piece)
        file.seek(0)
        with tarfile.open(fileobj=file) as shard:
            for member in shard:
                content = shard.extractfile(member)
                photo_id, _, kind = member.name.partition(".")
                if content is not None and kind.startswith("original."):
                    digests[photo_id] = sha256(content.read()).hexdigest()
                elif content is not None and kind == "json":
                    yield json.load(content), digests.get(photo_id, "")


def _webhdfs(places: Places) -> httpx.Client:
    """A client of the NameNode that is active; it sends readers on to a DataNode."""
    *others, last = [
        httpx.Client(
            base_url=f"{namenode}/webhdfs/v1",
            params={"user.name": places.hdfs_user},
            follow_redirects=True,
            timeout=REQUEST_SECONDS,
            trust_env=False,
        )
        for namenode in places.webhdfs.split(";")
    ]
    return next((client for client in others if _is_active(client)), last)


def _is_active(namenode: httpx.Client) -> bool:
    try:
        return namenode.get("/", params={"op": "GETFILESTATUS"}).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def _opened(client: httpx.Client, path: str, operation: str) -> Iterator[httpx.Response]:
    try:
        with client.stream("GET", path, params={"op": operation}) as answer:
            if answer.is_error:
                answer.read()
                raise RequestRefusedError(f"WebHDFS {operation} {path}", answer.status_code, answer.text)
            yield answer
    except httpx.HTTPError as error:
        raise NotUpError(f"WebHDFS does not answer ({error})") from error
