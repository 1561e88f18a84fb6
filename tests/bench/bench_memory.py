"""Peak memory of the process that works on one slice, with few photos waiting and with many.

Each slice has a process of its own, as each has in Airflow, and as many photos: only what waits behind them differs. A
last one takes all that it finds time for, as slices do: it grows by what it remembers of each photo for its commit.
Image workers are other processes, under limits of their own. ``MALLOC_ARENA_MAX`` is as in the images.
"""

import argparse
import multiprocessing
import os
from multiprocessing.connection import Connection

from rich.console import Console
from rich.progress import track
from tests.bench.aims import Aim
from tests.bench.clients import peak_megabytes
from tests.bench.photos import hundred_kilobytes
from tests.support.databases import fresh_database
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.stacks import first_stack

from local_stack import Stack
from local_stack.credentials import Credentials
from photo_pipeline.composition.ingest import ingest_limits, ingest_ports
from photo_pipeline.composition.pipeline import PipelineSettings
from photo_pipeline.use_cases.ingest import process_slice

FEW, SLICES = 200, 3
FLAT = 1.15
"""What one run differs from the next, however much waits."""
BATCH = 100


def process_one(settings: PipelineSettings, slice_id: int, answer: Connection) -> None:
    """What a task does, in a process of its own."""
    with ingest_ports(settings) as ports:
        process_slice(slice_id, "run", ports, ingest_limits(settings))
    answer.send(peak_megabytes(os.getpid()))


def peak_of_next(pipeline: Pipeline) -> float:
    """Plan, and process one slice."""
    (slice_id,) = pipeline.plan()
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=process_one, args=(pipeline.settings, slice_id, sender))
    worker.start()
    worker.join()
    if worker.exitcode != 0:
        raise SystemExit("the slice was not processed; see above")
    return float(receiver.recv())


def send(pipeline: Pipeline, photos: int) -> None:
    """So many different photos."""
    customer, photo = pipeline.sign_up(), hundred_kilobytes(0)
    for start in track(range(0, photos, BATCH), description="producing"):
        pipeline.send(customer, *(photo + number.to_bytes(4, "big") for number in range(start, start + BATCH)))


def main() -> None:
    """Run it on the test stack."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--waiting", type=int, default=10_000)
    waiting = arguments.parse_args().waiting
    os.environ["MALLOC_ARENA_MAX"] = "2"  # a process reads it as it starts
    settings = first_stack()
    endpoints = Stack(settings).up(("postgres", "kafka", "hdfs"))
    superuser = Credentials(settings.home / "secrets").password("postgres")
    with fresh_database(endpoints, superuser) as database, own_pipeline(endpoints, database) as own:
        pipeline = own.with_limits(slice_max_records=FEW)
        send(pipeline, FEW)
        few = peak_of_next(pipeline)
        send(pipeline, waiting)
        many = [peak_of_next(pipeline) for _ in range(SLICES)]
        whole = peak_of_next(own)
        ((records,),) = own.rows('SELECT "end" - start FROM slice ORDER BY slice_id DESC LIMIT 1')
    console = Console()
    console.print(f"peak memory of a slice: {few:.0f} MB with {FEW} photos waiting")
    console.print(f"with {waiting}: {', '.join(f'{peak:.0f}' for peak in many)} MB")
    console.print(f"a slice of {records}, as many as fit into its time: {whole:.0f} MB")
    console.print(str(Aim(f"memory with {waiting} waiting, x with {FEW}", max(many) / few, FLAT)))


if __name__ == "__main__":
    main()
