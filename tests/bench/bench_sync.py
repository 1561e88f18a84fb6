"""Documents per second from the ledger into Elasticsearch, against a raw bulk of documents that are ready.

The reference sends the same documents to an index of the same template with the client's own ``streaming_bulk``, as
somebody would who has them in memory already: nothing is read, made or remembered. Ours is ``sync_outcomes`` as the
task calls it. Both start with an empty index and end when searches see everything; they take turns.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from elasticsearch.helpers import streaming_bulk
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.bench import ledgers
from tests.support.databases import fresh_database
from tests.support.horizon import wait_for_horizon
from tests.support.search import Search, fresh_search
from tests.support.stacks import first_stack
from tests.support.syncing import sync_ports

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.domain.documents import CommitPosition, document_of
from photo_pipeline.use_cases.bi_sync import SyncPorts, sync_outcomes

AIM = 0.85
BATCH = 1000
"""Documents in one request of the reference: as many as of ours."""
ALL = 10**9
CUSTOMERS = 20


@dataclass(frozen=True, slots=True)
class Figure:
    """What a run took: seconds of the clock, and of this process' CPU."""

    wall: float
    cpu: float


def ready(ports: SyncPorts, alias: str) -> list[dict[str, Any]]:
    """Every document as the client takes it."""
    rows = ports.source.page(CommitPosition(0), ports.source.horizon(), ALL)
    return [
        {
            "_op_type": "index",
            "_index": f"{alias}-{document.month}",
            "_id": document.document_id,
            "version": document.version,
            "version_type": "external_gte",
            "_source": dict(document.body),
        }
        for document in map(document_of, rows)
    ]


def raw_bulk(search: Search, actions: Sequence[dict[str, Any]]) -> None:
    """The reference."""
    sent = sum(ok for ok, _ in streaming_bulk(search.sync, actions, chunk_size=BATCH))
    search.sync.indices.refresh(index=f"{search.alias}-*")
    if sent != len(actions):
        raise SystemExit(f"sent {sent} of {len(actions)} documents")


def synced(ports: SyncPorts, documents: int) -> None:
    """The product."""
    summary = sync_outcomes(ports)
    if summary.documents != documents:
        raise SystemExit(f"synced {summary.documents} of {documents} documents")


def taken(run: Callable[[], None]) -> Figure:
    """What a run takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return Figure(time.perf_counter() - wall, time.process_time() - cpu)


class Bench:
    """A ledger, and an empty index with the template for each run."""

    def __init__(self, stack: ExitStack, endpoints: Endpoints, superuser: str, documents: int) -> None:
        self._stack, self._endpoints, self._documents = stack, endpoints, documents
        database = stack.enter_context(fresh_database(endpoints, superuser))
        self._owner, self._pipeline, self._bi = (
            make_engine(settings, "bench") for settings in (database.owner, database.pipeline, database.bi)
        )
        for engine in (self._owner, self._pipeline, self._bi):
            stack.callback(engine.dispose)
        ledgers.fill(self._owner, ledgers.customers(self._owner, CUSTOMERS), documents)

    def reference(self) -> Figure:
        """One run of the raw bulk."""
        with fresh_search(self._endpoints) as search:
            ports = self._ports(search)
            actions = ready(ports, search.alias)
            return taken(lambda: raw_bulk(search, actions))

    def ours(self) -> Figure:
        """One run of the sync, from its first row to its last."""
        with fresh_search(self._endpoints) as search:
            ports = self._ports(search)
            state = ports.state.load()
            figure = taken(lambda: synced(ports, self._documents))
            ports.state.advance(ports.state.load(), state)
            return figure

    def _ports(self, search: Search) -> SyncPorts:
        search.administered().ensure_template()
        ports = sync_ports(self._bi, self._pipeline, search.index())
        wait_for_horizon(self._owner, ports.source)
        return ports


def report(figures: Sequence[tuple[Figure, Figure]], documents: int) -> None:
    """Print every round and the median."""
    table = Table(title=f"{documents} outcomes from the ledger into Elasticsearch")
    for column in ("round", "raw bulk, documents/s", "sync, documents/s", "ratio", "CPU of raw bulk, s", "of sync, s"):
        table.add_column(column, justify="right")
    for number, (raw, sync) in enumerate(figures, 1):
        rates = (f"{documents / raw.wall:.0f}", f"{documents / sync.wall:.0f}", f"{raw.wall / sync.wall:.2f}")
        table.add_row(str(number), *rates, f"{raw.cpu:.2f}", f"{sync.cpu:.2f}")
    Console().print(table)
    ratio = statistics.median(raw.wall / sync.wall for raw, sync in figures)
    Console().print(
        f"aim: at least {AIM} x the raw bulk; median here {ratio:.2f}: {'met' if ratio >= AIM else 'MISSED'}"
    )


def main() -> None:
    """Run the benchmark on the test stack."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--documents", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=7)
    chosen = arguments.parse_args()
    settings = first_stack()
    endpoints = Stack(settings).up(("postgres", "elasticsearch"))
    superuser = Credentials(settings.home / "secrets").password("postgres")
    with ExitStack() as stack:
        bench = Bench(stack, endpoints, superuser, chosen.documents)
        bench.reference()  # the server's own warm-up
        rounds = track(range(chosen.rounds), description="taking turns")
        report([(bench.reference(), bench.ours()) for _ in rounds], chosen.documents)


if __name__ == "__main__":
    main()
