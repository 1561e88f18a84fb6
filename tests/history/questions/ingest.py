"""What a micro-batch asks and writes, from the plan to what is published."""

from collections.abc import Mapping
from uuid import uuid4

from tests.history.questions.kind import Prepare, Put, each, one
from tests.history.shape import HOARDER, ordinary
from tests.history.world import History

from photo_pipeline.domain.lanes import Lanes
from photo_pipeline.domain.logs import Seen

SOMEBODY = ordinary(0)
LANES = Lanes(bulk_share=0.25, bulk_slices=100)


def _plan(history: History) -> Put:
    """Where there is something to plan in every partition."""
    backlog = history.backlog(200)
    return one(lambda: history.ingest.plan(backlog, 200, "plan", 600, LANES))


def _backlog(history: History) -> Put:
    backlog = history.backlog(200)
    return one(lambda: history.ingest.backlog(backlog, LANES))


def _follow(history: History) -> Put:
    seen = [Seen(known.log, "id", known.next_offset + 1000) for known in history.ingest.logs()]
    return one(lambda: history.ingest.follow(seen))


def _lease(history: History) -> Put:
    (planned, *_) = history.ingest.plan(history.backlog(200), 200, "lease", 600)

    def ask() -> None:
        lease = history.ingest.lease(planned.slice_id, "lease", 600)
        assert lease is not None
        history.ingest.renew(lease, 600)
        history.ingest.release(lease)

    return one(ask)


def _known(history: History) -> Put:
    customers = [ordinary(number) for number in range(15)]
    return each(lambda: history.ingest.known_customers(customers))


def _erased(history: History) -> Put:
    """Photos and customers of a hundred records, of whom nobody was erased."""
    ids = [ordinary(number) for number in range(200)]
    return one(lambda: history.ingest.erased(ids))


def _commit(customer: object) -> Prepare:
    def prepare(history: History) -> Put:
        commit = history.slice_of(history.lease(), customer)  # type: ignore[arg-type] # an id

        def ask() -> int:
            history.ingest.commit(commit)
            return len(commit.records)

        return ask

    return prepare


def _summary(history: History) -> Put:
    slice_id = history.commit(SOMEBODY).lease.slice.slice_id

    def put() -> int:
        said = history.ingest.summary(slice_id)
        return said.end - said.start

    return put


def _publish(history: History) -> Put:
    def ask() -> None:
        with history.ingest.outbox(100) as entries:
            assert len(entries) == 100

    return one(ask)


QUESTIONS: Mapping[str, Prepare] = {
    "ingest: logs": lambda h: one(h.ingest.logs),
    "ingest: how much waits": _backlog,
    "ingest: what was seen of logs": _follow,
    "ingest: commit a slice": _commit(SOMEBODY),
    "ingest: commit a hoarder's slice": _commit(HOARDER),
    "ingest: a slice's summary": _summary,
    "ingest: publish": _publish,
    "ingest: lease a slice": _lease,
    "ingest: plan": _plan,
    "ingest: customers that are known": _known,
    "ingest: what was erased": _erased,
    "ingest: devices that sign": lambda h: one(lambda: h.ingest.signing_devices([uuid4()])),
}
