"""Photos per second from Kafka to committed, against a hand-written loop in the same run.

The reference is what somebody would write who needs no ledger and no Airflow: two processes that each consume half of
the records, hash them, call the same imaging function, build a tar in memory and write it to HDFS with one call. Ours
is ``process_slice`` as Airflow's task calls it: lease, planned range, worker processes, streamed shard, one commit.
Both start from cold processes and take turns.
"""

import argparse
import io
import multiprocessing
import os
import statistics
import tarfile
import time
from collections.abc import Callable
from uuid import UUID

from hdfs_native import Client
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.bench.photos import twelve_megapixels
from tests.support.databases import fresh_database
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.stacks import first_stack

from local_stack import Stack
from local_stack.credentials import Credentials
from local_stack.stack import SERVERS
from photo_pipeline.adapters.image_workers.process import ALLOCATOR
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.domain.imaging import ImageLimits, process
from photo_pipeline.domain.photo import TopicPartition, sha256_hex
from photo_pipeline.settings import KafkaSettings

PROCESSES = 2
DISTINCT = 8
BATCH = 20


def hand_written_half(servers: str, topic: str, bounds: tuple[int, int], namenode: str, path: str) -> None:
    """One process of the reference: consume, hash, process, tar in memory, one write."""
    reader = KafkaPhotoLogReader(KafkaSettings(bootstrap_servers=servers))
    shard = io.BytesIO()
    with tarfile.open(fileobj=shard, mode="w") as tar:
        for record in reader.read(TopicPartition(topic, 0), *bounds):
            name = sha256_hex(record.value)
            image = process(record.value, ImageLimits())
            for suffix, data in (("jpg", record.value), ("web.jpg", image.web.data), ("thumb.jpg", image.thumb.data)):
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


def forget(pipeline: Pipeline) -> None:
    """Empty the ledger and the archive, so that the same records can be ingested again."""
    pipeline.webhdfs.delete(pipeline.settings.hdfs.root, recursive=True)
    pipeline.execute(
        "TRUNCATE outbox, ingest_record, rendition, photo, shard, slice, partition_progress RESTART IDENTITY CASCADE"
    )


def seconds(run: Callable[[Pipeline, int], None], pipeline: Pipeline, photos: int) -> float:
    """How long a run takes."""
    started = time.perf_counter()
    run(pipeline, photos)
    return time.perf_counter() - started


def measure(pipeline: Pipeline, photos: int, rounds: int) -> list[tuple[float, float]]:
    """Photos/s of the reference and of ours, in turns."""
    figures = []
    for _ in range(rounds):
        reference = seconds(hand_written, pipeline, photos)
        forget(pipeline)
        product = seconds(ours, pipeline, photos)
        figures.append((photos / reference, photos / product))
    return figures


def fill(pipeline: Pipeline, customer: UUID, photos: int) -> int:
    """Produce that many different photos of 12 megapixels; their bytes in all."""
    originals = [twelve_megapixels(seed) for seed in range(DISTINCT)]
    size = 0
    for start in track(range(0, photos, BATCH), description="producing"):
        batch = [
            _different(originals[number % DISTINCT], number) for number in range(start, min(start + BATCH, photos))
        ]
        pipeline.send(customer, *batch)
        size += sum(map(len, batch))
    return size


def _different(original: bytes, number: int) -> bytes:
    """The same picture as another photo: bytes after the end of a JPEG are ignored by every decoder."""
    return original + number.to_bytes(4, "big")


def report(figures: list[tuple[float, float]], photos: int, size: int) -> None:
    """Print every round and the medians."""
    table = Table(title=f"{photos} photos of 12 megapixels, {size / photos / 1e6:.1f} MB each, Kafka to committed")
    for column in ("round", "hand-written loop, photos/s", "process_slice, photos/s", "ratio"):
        table.add_column(column, justify="right")
    for number, (reference, product) in enumerate(figures, 1):
        table.add_row(str(number), f"{reference:.1f}", f"{product:.1f}", f"{product / reference:.2f}")
    ratio = statistics.median(product / reference for reference, product in figures)
    table.add_row("median", "", "", f"{ratio:.2f}  (aim: at least 0.80)")
    Console().print(table)


def main() -> None:
    """Run the benchmark on the test stack."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=200)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    settings = first_stack()
    stack = Stack(settings)
    endpoints = stack.up(SERVERS)
    superuser = Credentials(settings.home / "secrets").password("postgres")
    with fresh_database(endpoints, superuser) as database, own_pipeline(endpoints, database) as own:
        pipeline = own.with_limits(workers=PROCESSES, slice_max_bytes=4 << 30, slice_max_records=chosen.photos)
        size = fill(pipeline, pipeline.sign_up(), chosen.photos)
        report(measure(pipeline, chosen.photos, chosen.rounds), chosen.photos, size)


if __name__ == "__main__":
    main()
