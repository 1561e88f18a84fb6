"""What keeps sums and months, and what forgets: names, erased customers, what is older than records are kept."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from tests.history.questions.kind import Prepare, Put, each, in_every_month, one
from tests.history.shape import VETERAN, ordinary
from tests.history.world import History

from photo_pipeline.adapters.postgres.bi import PostgresRenamings
from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.erase import PostgresErasureLedger
from photo_pipeline.adapters.postgres.months import PostgresLedgerMonths
from photo_pipeline.adapters.postgres.tally import PostgresTally
from photo_pipeline.domain.erasure import EraseRequest, Subject
from photo_pipeline.domain.months import end_of

FEW = 100
FEW_SLICES = 10
LONG_GONE = timedelta(days=12)
RENAMED, ERASED = ordinary(13), ordinary(14)
SENT = "SELECT count(*) FROM ledger_record WHERE customer_id = :customer"


def _months(history: History) -> PostgresLedgerMonths:
    return PostgresLedgerMonths(history.pipeline)


def _what_months_there_are(history: History) -> Put:
    def ask() -> None:
        _months(history).there()
        _months(history).oldest()
        _months(history).unsorted()

    return one(ask)


def _oldest_end(history: History) -> datetime:
    """Of the first month in which anything was committed."""
    first = history.one("SELECT min(committed_at) FROM slice")
    return end_of(first.astimezone(UTC).date().replace(day=1))


def _facts(history: History) -> Put:
    """As many records as it has."""
    month = history.one("SELECT min(committed_at) FROM slice").astimezone(UTC).date().replace(day=1)
    query = "SELECT count(*) FROM ledger_record WHERE processed_at < :until"
    records = int(history.one(query, until=_oldest_end(history)))

    def ask() -> int:
        _months(history).facts(month)
        return records

    return ask


def _forget_slices(history: History) -> Put:
    """Of which no shard is left."""
    before = history.now - LONG_GONE
    return lambda: max(1, _months(history).forget_slices(before, FEW_SLICES))


def _forget_photos(history: History) -> Put:
    return lambda: max(1, _months(history).forget_photos(history.now, FEW))


def _count(history: History) -> Put:
    """A slice more."""
    records = len(history.commit(ordinary(0)).records)
    history.commit(VETERAN)

    def ask() -> int:
        return records * PostgresTally(history.pipeline).count(FEW)

    return ask


def _gather(history: History) -> Put:
    return lambda: max(1, PostgresTally(history.pipeline).gather())


def _rename(history: History) -> Put:
    return one(lambda: PostgresCustomers(history.api).rename(RENAMED, "Another"))


def _follow(history: History) -> Put:
    """Not the first of it."""
    renamings = PostgresRenamings(history.pipeline)
    _rename(history)()
    renamings.follow(FEW)

    def ask() -> int:
        renamings.follow(FEW)
        return FEW

    return ask


def _erase(history: History, name: str, customer_id: UUID) -> None:
    ledger = PostgresErasureLedger(history.pipeline, {})
    request = EraseRequest(name, Subject.CUSTOMER, customer_id, "asked for it", "Grace")
    erasure_id = ledger.begin(request, "salt")
    while ledger.forget_more(erasure_id, request):
        pass
    ledger.note_readers(erasure_id, request)


def _erase_a_customer(history: History) -> Put:
    """Of all that they sent."""
    sent = int(history.one(SENT, customer=ERASED))

    def ask() -> int:
        _erase(history, "erase 1", ERASED)
        return sent

    return ask


def _erase_a_newcomer(history: History) -> Put:
    """Who has sent nothing: what no record brings is looked for as for anybody."""
    customer_id = uuid4()
    PostgresCustomers(history.api).add(customer_id, f"{customer_id}@example.org", "Ada", "-")
    return one(lambda: _erase(history, "erase 2", customer_id))


def _documents(history: History) -> Put:
    erasure_id = int(history.one("SELECT min(erasure_id) FROM erasure"))
    return each(lambda: PostgresErasureLedger(history.pipeline, {}).documents(erasure_id, None, FEW))


QUESTIONS: Mapping[str, Prepare] = {
    "tally: two slices more": _count,
    "tally: what has changed": _gather,
    "customers: another name": _rename,
    "customers: follow a name": in_every_month(_follow),
    "erase: a customer": in_every_month(_erase_a_customer),
    "erase: a newcomer": _erase_a_newcomer,
    "erase: a page of documents": _documents,
    "months: which there are": _what_months_there_are,
    "months: what the oldest has": _facts,
    "months: forget slices": _forget_slices,
    "months: forget expired photos": _forget_photos,
}
