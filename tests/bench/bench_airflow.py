"""Photos per second from waiting in Kafka to committed, through Airflow, against ``process_slice`` alone.

In the same run both sides have the same photos in topics of two partitions, as the doors put them there: a customer's
share in one lane, the rest in the other. Alone means planned and processed in this process, slice after slice, with the
image workers that a task has and nothing between two slices. Airflow's side begins when ``photo_ingest`` is woken, and
ends when the ledger has the last photo; what it publishes to Kafka meanwhile is part of it. It is measured with two
image workers for each slice, and with one.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import httpx
import psycopg
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.bench.aims import Aim
from tests.bench.photos import hundred_kilobytes, twelve_megapixels
from tests.support.databases import fresh_database, superuser_of
from tests.support.pipeline import Pipeline, event_record, own_pipeline, photo_event
from tests.support.stacks import first_stack

from local_stack import Stack
from local_stack.demo.customer import Customer
from local_stack.demo.places import Places
from local_stack.settings import StackSettings
from photo_pipeline.adapters.kafka import AsyncKafkaPhotoLogWriter
from photo_pipeline.domain.imaging import ImageLimits, decode_seconds, read_header
from photo_pipeline.domain.photo import Source
from photo_pipeline.settings import KafkaSettings, TopicNames, WebSettings
from photo_pipeline.web.buckets import Rate
from photo_pipeline.web.fair_lanes import FairLanes

DISTINCT = 8
TOGETHER = 16
PARTITIONS = 2
MOST_SECONDS = 3600
RATIO = 0.8
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Case:
    """Photos of one size: what makes one, and how many wait."""

    name: str
    photo: Callable[[int], bytes]
    photos: int


@dataclass(frozen=True, slots=True)
class Found:
    """Photos per second, with so many image workers."""

    case: Case
    workers: int
    megabytes: float
    alone: float
    airflow: float

    @property
    def line(self) -> str:
        """In one line, for who waits for the others."""
        speeds = f"{self.alone:.1f} alone, {self.airflow:.1f} through Airflow"
        return f"{self.case.photos} {self.case.name}, {self.workers} image workers: {speeds} photos/s"


async def send(case: Case, kafka: KafkaSettings, topics: TopicNames, customer: UUID) -> int:
    """Have as many different photos accepted as a door does it; their bytes in all."""
    originals = [case.photo(seed) for seed in range(DISTINCT)]
    costs = [decode_seconds(read_header(each, ImageLimits())) for each in originals]
    share = (
        WebSettings.model_fields[name].default for name in ("customer_seconds_per_second", "customer_burst_seconds")
    )
    lanes = FairLanes(Rate(*share), time.monotonic)
    writer = AsyncKafkaPhotoLogWriter(kafka, acknowledge_seconds=120)
    size = 0

    async def send_one(number: int) -> None:
        data = originals[number % DISTINCT] + number.to_bytes(4, "big")
        record = event_record(topics, photo_event(customer, data, Source.UPLOAD))
        await writer.append(replace(record, lane=lanes.lane_for(customer, costs[number % DISTINCT])))

    try:
        for start in track(range(0, case.photos, TOGETHER), description="sending"):
            numbers = range(start, min(start + TOGETHER, case.photos))
            await asyncio.gather(*(send_one(number) for number in numbers))
            size += sum(len(originals[number % DISTINCT]) + 4 for number in numbers)
    finally:
        await writer.close()
    return size


def alone(pipeline: Pipeline, photos: int) -> float:
    """Photos per second where nothing comes between one slice and the next."""
    started, committed = time.perf_counter(), 0
    while committed < photos:
        summaries = pipeline.ingest()
        committed += sum(each.processed for each in summaries)
        if not summaries:
            raise SystemExit(f"committed {committed} of {photos} photos")
    return photos / (time.perf_counter() - started)


@contextmanager
def airflow(places: Places) -> Iterator[httpx.Client]:
    """Airflow's API, logged in."""
    with httpx.Client(base_url=places.airflow, timeout=60, trust_env=False) as client:
        account = {"username": places.airflow_user, "password": places.airflow_password}
        token = client.post("/auth/token", json=account).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def pause(client: httpx.Client, *, paused: bool) -> None:
    """Let the ingest sleep, or wake it."""
    client.patch("/api/v2/dags/photo_ingest", json={"is_paused": paused}).raise_for_status()


def is_idle(client: httpx.Client) -> bool:
    """Whether no run is queued or running."""
    active = (("state", "queued"), ("state", "running"), ("limit", 1))
    answer = client.get("/api/v2/dags/photo_ingest/dagRuns", params=active).raise_for_status()
    return int(answer.json()["total_entries"]) == 0


def put_to_sleep(client: httpx.Client) -> None:
    """Pause the ingest between two runs: one that is active would stand still, and count."""
    pause(client, paused=True)
    while not is_idle(client):
        pause(client, paused=False)
        time.sleep(POLL_SECONDS * 4)
        pause(client, paused=True)


def through_airflow(case: Case, places: Places) -> float:
    """Photos per second from a woken DAG to the last commit."""
    customer = Customer(places.api, "A. Bench", f"{uuid4()}@example.org", "correct horse battery")
    try:
        with airflow(places) as client, psycopg.connect(places.database, autocommit=True) as database:
            put_to_sleep(client)
            kafka = KafkaSettings(bootstrap_servers=places.kafka)
            asyncio.run(send(case, kafka, TopicNames(), UUID(customer.customer_id)))
            started = time.perf_counter()
            pause(client, paused=False)
            while committed(database, customer.customer_id) < case.photos:
                if time.perf_counter() - started > MOST_SECONDS:
                    raise SystemExit(f"not within {MOST_SECONDS} s: {case.photos} {case.name}")
                time.sleep(POLL_SECONDS)
            took = time.perf_counter() - started
    finally:
        customer.close()
    return case.photos / took


def committed(database: "psycopg.Connection[tuple[int]]", customer: str) -> int:
    """How many photos of this customer the ledger has."""
    row = database.execute("SELECT count(*) FROM photo WHERE customer_id = %s", (customer,)).fetchone()
    return 0 if row is None else row[0]


def measure(case: Case, settings: StackSettings) -> Found:
    """Both sides, one after the other."""
    stack = Stack(settings)
    endpoints = stack.up()
    places = Places.of(endpoints.as_environment())
    superuser = superuser_of(stack)
    with airflow(places) as client:
        put_to_sleep(client)
    with fresh_database(endpoints, superuser) as database, own_pipeline(endpoints, database, PARTITIONS) as own:
        pipeline = own.with_limits(workers=settings.ingest_workers)
        size = asyncio.run(send(case, pipeline.settings.kafka, pipeline.settings.topics, pipeline.sign_up()))
        by_itself = alone(pipeline, case.photos)
    return Found(case, settings.ingest_workers, size / case.photos / 1e6, by_itself, through_airflow(case, places))


def report(found: list[Found]) -> None:
    """The table, and what was aimed at."""
    table = Table(title="photos/s from waiting to committed")
    for column in ("photos", "MB each", "image workers", "process_slice alone", "through Airflow", "ratio"):
        table.add_column(column, justify="right")
    for each in found:
        speeds = (each.alone, each.airflow, each.airflow / each.alone)
        name = f"{each.case.photos} {each.case.name}"
        table.add_row(name, f"{each.megabytes:.2f}", str(each.workers), *(f"{speed:.2f}" for speed in speeds))
    console = Console()
    console.print(table)
    for each in found:
        name = f"{each.case.photos} {each.case.name}, {each.workers} image workers, x process_slice alone"
        console.print(str(Aim(name, each.airflow / each.alone, RATIO, least=True)))


def main() -> None:
    """Run it on the test stack, which is started anew for each number of image workers."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--share", type=float, default=1.0, help="of 2,000 photos of 3 MB and 10,000 of 100 KB")
    arguments.add_argument("--workers", type=int, nargs="+", default=[2, 1])
    chosen = arguments.parse_args()
    cases = [
        Case("of 3 MB", twelve_megapixels, round(2_000 * chosen.share)),
        Case("of 100 KB", hundred_kilobytes, round(10_000 * chosen.share)),
    ]
    found = []
    for workers in chosen.workers:
        settings = replace(first_stack(), ingest_workers=workers)
        Stack(settings).down()
        for case in cases:
            found.append(measure(case, settings))
            Console().print(found[-1].line)
    report(found)


if __name__ == "__main__":
    main()
