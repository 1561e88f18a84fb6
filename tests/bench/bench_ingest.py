"""Photos per second from Kafka to committed, against a hand-written loop in the same run; and published after that.

The reference is what somebody would write who needs no ledger and no Airflow: two processes that each consume half of
the records, hash them, call the same imaging function, build a tar in memory and write it to HDFS with one call. Ours
is ``process_slice`` as Airflow's task calls it: lease, planned range, worker processes, streamed shard, one commit.
Both start from cold processes and take turns. After each of our turns the outbox is emptied, as the next task does.
"""

import argparse
import io
import multiprocessing
import os
import statistics
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from hdfs_native import Client
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.bench.aims import Aim
from tests.bench.photos import hundred_kilobytes, twelve_megapixels
from tests.support.databases import fresh_database
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.stacks import first_stack

from local_stack import Stack
from local_stack.credentials import Credentials
from photo_pipeline.adapters.image_workers.process import ALLOCATOR
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.composition.publish import publish_ports
from photo_pipeline.domain.imaging import ImageLimits, process
from photo_pipeline.domain.photo import TopicPartition, sha256_hex
from photo_pipeline.settings import KafkaSettings
from photo_pipeline.use_cases.publish import publish_outbox

PROCESSES = 2
DISTINCT = 8
BATCH = 20
PUBLISHED_PER_SECOND = 500


@dataclass(frozen=True, slots=True)
class Case:
    """Photos of one size: what makes one, how many of them, and the ratio to the reference that is aimed at."""

    name: str
    photo: Callable[[int], bytes]
    photos: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Round:
    """Photos per second."""

    reference: float
    committed: float
    published: float


def hand_written_half(servers: str, topic: str, bounds: tuple[int, int], namenode: str, path: str) -> None:
    """One process of the reference: consume, hash, process, tar in memory, one write."""
    reader = KafkaPhotoLogReader(KafkaSettings(bootstrap_servers=servers))
    shard = io.BytesIO()
    with tarfile.open(fileobj=shard, mode="w") as tar:
        for record in reader.read(TopicPartition(topic, 0), *bounds):
            name = sha256_hex(record.value)
            image = process(record.value, ImageLimits())
            made = [(f"{rendition.kind}.jpg", rendition.data) for rendition in image.renditions]
            for suffix, data in (("jpg", record.value), *made):
                member = tarfile.TarInfo(f"{name}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    with Client(namenode).create(path) as file:
        file.write(shard.getvalue())


def hand_written(pipeline: Pipeline, photos: int) -> None:
    """The reference: as many processes as cores, each with its share of the records."""
    settings = pipeline.settings
    context = multiprocessing.get_context("spawn")
    share = photos // PROCESSES
    workers = [
        context.Process(
            target=hand_written_half,
            args=(
                settings.kafka.bootstrap_servers,
                settings.topics.uploaded,
                (number * share, photos if number == PROCESSES - 1 else (number + 1) * share),
                settings.hdfs.namenode,
                f"{settings.hdfs.root}/reference-{time.monotonic_ns()}-{number}.tar",
            ),
        )
        for number in range(PROCESSES)
    ]
    os.environ.update(ALLOCATOR)  # the same memory settings for both sides; a process reads them as it starts
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            raise SystemExit("the hand-written loop failed; see above")


def ours(pipeline: Pipeline, photos: int) -> None:
    """The product: plan, then process the one slice that there is."""
    (summary,) = pipeline.ingest()
    if summary.processed + summary.duplicate != photos:
        raise SystemExit(f"committed {summary.processed + summary.duplicate} of {photos} photos")


def forget(pipeline: Pipeline, _photos: int) -> None:
    """Empty the ledger and the archive, so that the same records can be ingested again."""
    pipeline.webhdfs.delete(pipeline.settings.hdfs.root, recursive=True)
    pipeline.execute(
        "TRUNCATE outbox, ledger_record, ledger_state, rendition, photo, shard, slice, partition_progress "
        "RESTART IDENTITY CASCADE"
    )


def seconds(run: Callable[[Pipeline, int], None], pipeline: Pipeline, photos: int) -> float:
    """How long a run takes."""
    started = time.perf_counter()
    run(pipeline, photos)
    return time.perf_counter() - started


def publish(pipeline: Pipeline, photos: int) -> None:
    """The task behind: empty the outbox."""
    with publish_ports(pipeline.settings) as ports:
        summary = publish_outbox(ports, pipeline.settings.ingest.outbox_batch)
    if summary.processed != photos:
        raise SystemExit(f"published {summary.processed} of {photos} photos")


def measure(pipeline: Pipeline, photos: int, rounds: int) -> list[Round]:
    """The reference and ours, in turns."""
    found = []
    for _ in range(rounds):
        reference, _, committed, published = (
            photos / seconds(run, pipeline, photos) for run in (hand_written, forget, ours, publish)
        )
        found.append(Round(reference, committed, published))
    return found


def fill(pipeline: Pipeline, customer: UUID, case: Case) -> int:
    """Produce as many different photos; their bytes in all."""
    originals = [case.photo(seed) for seed in range(DISTINCT)]
    size = 0
    for start in track(range(0, case.photos, BATCH), description="producing"):
        numbers = range(start, min(start + BATCH, case.photos))
        batch = [_different(originals[number % DISTINCT], number) for number in numbers]
        pipeline.send(customer, *batch)
        size += sum(map(len, batch))
    return size


def _different(original: bytes, number: int) -> bytes:
    """The same picture as another photo: bytes after the end of a JPEG are ignored by every decoder."""
    return original + number.to_bytes(4, "big")


def report(case: Case, rounds: Sequence[Round], size: int) -> list[Aim]:
    """Print every round; what was aimed at."""
    table = Table(title=f"{case.photos} {case.name}, {size / case.photos / 1e6:.2f} MB each, photos/s")
    for column in ("round", "hand-written loop", "process_slice", "ratio", "published"):
        table.add_column(column, justify="right")
    for number, each in enumerate(rounds, 1):
        figures = (each.reference, each.committed, each.committed / each.reference, each.published)
        table.add_row(str(number), *(f"{figure:.2f}" for figure in figures))
    Console().print(table)
    ratio = statistics.median(each.committed / each.reference for each in rounds)
    published = statistics.median(each.published for each in rounds)
    return [
        Aim(f"{case.name}, x hand-written loop", ratio, case.ratio, least=True),
        Aim(f"{case.name}, published/s", published, PUBLISHED_PER_SECOND, least=True),
    ]


def main() -> None:
    """Run the benchmark on the test stack."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--photos", type=int, default=200, help="of 12 megapixels")
    arguments.add_argument("--small", type=int, default=2000, help="of 100 KB")
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    cases = [
        Case("photos of 12 megapixels", twelve_megapixels, chosen.photos, 1.3),
        Case("photos of 100 KB", hundred_kilobytes, chosen.small, 1.5),
    ]
    settings = first_stack()
    stack = Stack(settings)
    endpoints = stack.up(("postgres", "kafka", "hdfs"))
    superuser = Credentials(settings.home / "secrets").password("postgres")
    aims = []
    for case in filter(lambda case: case.photos, cases):
        with fresh_database(endpoints, superuser) as database, own_pipeline(endpoints, database) as own:
            limits = {"slice_max_bytes": 4 << 30, "slice_max_records": case.photos}
            pipeline = own.with_limits(workers=PROCESSES, **limits)
            size = fill(pipeline, pipeline.sign_up(), case)
            aims += report(case, measure(pipeline, case.photos, chosen.rounds), size)
    for aim in aims:
        Console().print(str(aim))


if __name__ == "__main__":
    main()
