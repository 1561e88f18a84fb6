"""CPU of the API for each look at a photo, against a bare Starlette route in the same run.

The API runs as an operator starts it, one process, with PostgreSQL, Kafka and HDFS behind it; sixteen connections ask.
What is counted is the process' own CPU, all its threads included: not the servers' behind it, and not the time that
passes. The bare route has its answer in memory, knows nobody and logs nothing else than the API does.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from joserfc.jwk import OKPKey
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.bench import bare, ledgers
from tests.bench.clients import ask, cpu_seconds
from tests.support.api_process import ApiProcess, api_environment, api_process
from tests.support.databases import Database, fresh_database
from tests.support.stacks import first_stack

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.settings import HdfsSettings, TopicNames
from photo_pipeline.web.clock import SystemClock
from photo_pipeline.web.tokens import Session, Tokens, load_keys

CONNECTIONS = 16
THUMB_BYTES = 20 * 1024
PAGE = 60
PHOTOS = 2000
PAGE_PATH = f"/api/v1/photos?limit={PAGE}"
MILLISECONDS = 1000
BARE_REQUESTS = 5000
"""Of the bare route for each case: the clock of CPU time ticks a hundred times a second."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something that a gallery asks for.

    Attributes:
        name: for people.
        aim: milliseconds of CPU for each request.
        paths: what is asked, once each.
        headers: that come with it.
        expected: the status.
    """

    name: str
    aim: float
    paths: Sequence[str]
    headers: dict[str, str]
    expected: int = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU for each request, and the bytes of one answer."""

    milliseconds: float
    size: int


@contextmanager
def servers() -> Iterator[tuple[Endpoints, Database, HdfsSettings]]:
    """The test stack's servers, a database of one's own and a folder of one's own in the archive."""
    settings = first_stack()
    endpoints = Stack(settings).up(("postgres", "kafka", "hdfs"))
    superuser = Credentials(settings.home / "secrets").password("postgres")
    os.environ["HADOOP_USER_NAME"] = endpoints.hdfs_user
    with fresh_database(endpoints, superuser) as database:
        yield endpoints, database, HdfsSettings(namenode=endpoints.hdfs_namenode, root=f"/bench-{uuid4().hex}")


@contextmanager
def running(endpoints: Endpoints, database: Database, hdfs: HdfsSettings) -> Iterator[tuple[ApiProcess, Tokens]]:
    """The API, and what signs its sessions."""
    with tempfile.TemporaryDirectory() as name:
        key_file = Path(name) / "signing_key.jwk"
        key_file.write_text(json.dumps(OKPKey.generate_key("Ed25519", private=True).as_dict(private=True)))
        environment = api_environment(endpoints.kafka_bootstrap_servers, database.api, hdfs, TopicNames(), key_file)
        environment["HADOOP_USER_NAME"] = endpoints.hdfs_user
        with api_process(environment, Path(name) / "api.log") as api:
            yield api, Tokens(load_keys(key_file), SystemClock())


@contextmanager
def bare_route(size: int) -> Iterator[ApiProcess]:
    """The reference, with an answer of that size."""
    with (
        tempfile.TemporaryDirectory() as name,
        api_process(
            {bare.SIZE: str(size)}, Path(name) / "bare.log", factory="tests.bench.bare:create_app", alive="/bytes"
        ) as process,
    ):
        yield process


@contextmanager
def filled(database: Database, hdfs: HdfsSettings, photos: int, picture: bytes) -> Iterator[UUID]:
    """A customer with so many photos, whose bytes are in the archive until the end: the same for each."""
    owner = make_engine(database.owner, "bench")
    (customer,) = ledgers.customers(owner, 1)
    ledgers.fill(owner, [customer], photos)
    places = ledgers.place(owner, len(picture), hdfs.root)
    owner.dispose()
    archive = HdfsArchive(hdfs)
    try:
        for path, count in places.items():
            file = archive.create(path)
            file.write(picture * count)
            file.close()
        yield customer
    finally:
        for path in places:
            archive.delete(path)


def token_for(tokens: Tokens, customer: UUID) -> str:
    """A session of theirs that lasts for this run."""
    now = SystemClock().now()
    return tokens.sign_session(Session(uuid4(), customer, now, now + timedelta(hours=1)))


def photo_ids(url: str, headers: dict[str, str]) -> list[str]:
    """All photos of the customer, as the API lists them."""
    found: list[str] = []
    parameters = {"limit": "200"}
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as client:
        while True:
            page = client.get(f"{url}/api/v1/photos", params=parameters).raise_for_status().json()
            found += [photo["photo_id"] for photo in page["photos"]]
            if page["next_cursor"] is None:
                return found
            parameters["cursor"] = page["next_cursor"]


def cases(thumbs: Sequence[str], known: str, headers: dict[str, str], etag: str) -> list[Case]:
    """What is asked for, in this order: the first look at a thumb is the one that the archive answers."""
    again = thumbs[-PAGE:] * (len(thumbs) // PAGE)
    return [
        Case("thumb, from the archive", 1.2, thumbs, headers),
        Case("thumb, from memory", 0.5, again, headers),
        Case(f"list of {PAGE}", 3.0, [PAGE_PATH] * (len(thumbs) // 2), headers),
        Case("thumb, 304", 0.5, [known] * len(thumbs), {**headers, "If-None-Match": etag}, 304),
    ]


def cost(process: ApiProcess, case: Case) -> Cost:
    """What the process spends on each of the requests."""
    before = cpu_seconds(process.pid)
    size = ask(process.url, case.paths, case.headers, connections=CONNECTIONS, expected=case.expected)
    spent = cpu_seconds(process.pid) - before
    return Cost(spent * MILLISECONDS / len(case.paths), size // len(case.paths))


def bare_cost(size: int, case: Case) -> Cost:
    """What the bare route spends on each answer of that size."""
    path = "/bytes" if size else "/same"
    with bare_route(size) as process:
        asked = Case(case.name, case.aim, [path] * BARE_REQUESTS, case.headers, case.expected)
        cost(process, asked)
        return cost(process, asked)


def measure(api: ApiProcess, ids: Sequence[str], headers: dict[str, str], rounds: int) -> list[tuple[Case, Cost, Cost]]:
    """Every case, with its cost and the bare route's: medians of the rounds, each with photos not seen before."""
    known, *thumbs = (f"/api/v1/photos/{photo_id}/thumb" for photo_id in ids)
    share = len(thumbs) // rounds
    ask(api.url, [known, PAGE_PATH] * 100, headers, connections=CONNECTIONS, expected=200)
    etag = httpx.get(api.url + known, headers=headers, trust_env=False).headers["ETag"]
    seen: list[list[tuple[Case, Cost]]] = []
    for number in track(range(rounds), description="looking"):
        asked = cases(thumbs[number * share : (number + 1) * share], known, headers, etag)
        seen.append([(case, cost(api, case)) for case in asked])
    return [_median(column) for column in zip(*seen, strict=True)]


def _median(column: Sequence[tuple[Case, Cost]]) -> tuple[Case, Cost, Cost]:
    case, size = column[0][0], column[0][1].size
    middle = Cost(statistics.median(found.milliseconds for _, found in column), size)
    return case, middle, bare_cost(size, case)


def report(results: Sequence[tuple[Case, Cost, Cost]]) -> None:
    """Print every case with its verdict."""
    table = Table(title=f"CPU of the API for each request, ms ({CONNECTIONS} connections, one process)")
    for column in ("asked for", "bytes", "API", "bare route", "ratio", "aim", ""):
        table.add_column(column, justify="left" if column == "asked for" else "right")
    for case, ours, reference in results:
        ratio = ours.milliseconds / max(reference.milliseconds, 1e-9)
        figures = (f"{ours.milliseconds:.2f}", f"{reference.milliseconds:.2f}", f"{ratio:.1f}", f"{case.aim:.1f}")
        verdict = "met" if ours.milliseconds <= case.aim else "MISSED"
        table.add_row(case.name, str(ours.size), *figures, verdict)
    Console().print(table)


def main() -> None:
    """Run the benchmark on the test stack."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=PHOTOS)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    with ExitStack() as stack:
        endpoints, database, hdfs = stack.enter_context(servers())
        customer = stack.enter_context(filled(database, hdfs, chosen.photos, os.urandom(THUMB_BYTES)))
        api, tokens = stack.enter_context(running(endpoints, database, hdfs))
        headers = {"Authorization": f"Bearer {token_for(tokens, customer)}"}
        report(measure(api, photo_ids(api.url, headers), headers, chosen.rounds))


if __name__ == "__main__":
    main()
