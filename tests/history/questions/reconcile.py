"""What the reconciliation's checks ask."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from tests.history.questions.kind import Prepare, Put, each, one
from tests.history.shape import SLICE
from tests.history.world import History

from photo_pipeline.adapters.postgres.audit_archive import PostgresArchiveAudit
from photo_pipeline.adapters.postgres.audit_outcomes import CLOCKS_APART, PostgresOutcomeAudit
from photo_pipeline.adapters.postgres.bi import PostgresSyncState
from photo_pipeline.adapters.postgres.reconcile import PostgresLedgerAudit, PostgresReconciliationLog
from photo_pipeline.domain.reconciliation import (
    CheckResult,
    MemberPosition,
    Rotation,
    Scope,
    Selection,
    SliceCoverage,
    Stretch,
)
from photo_pipeline.use_cases.reconcile.ledger import FILLED_AT_ONCE, OUTBOX_KEPT

HOUR = timedelta(hours=1)
PAGE = 1000
BEGINNING = (datetime.min.replace(tzinfo=UTC), 0)


def _ledger(history: History) -> PostgresLedgerAudit:
    return PostgresLedgerAudit(history.pipeline)


def _archive(history: History) -> PostgresArchiveAudit:
    return PostgresArchiveAudit(history.pipeline)


def _outcomes(history: History) -> PostgresOutcomeAudit:
    return PostgresOutcomeAudit(history.pipeline)


def _selection(history: History) -> Selection:
    return Selection(history.now - HOUR, Rotation(turn=17, length=168))


def _log(history: History) -> Put:
    log = PostgresReconciliationLog(history.pipeline)

    def ask() -> None:
        log.begin("now")
        log.earlier("members", "now")
        log.record("now", CheckResult("members", history.now))
        log.results("now")
        log.forget(history.now - timedelta(days=90))

    return one(ask)


def _paths(history: History) -> list[str]:
    return [row.path for row in history.rows("SELECT path FROM shard ORDER BY shard_id LIMIT 100")]


def _stretch(history: History) -> Stretch:
    return Stretch(history.now - HOUR, after=20, limit=50)


def _shards_by_path(history: History) -> Put:
    paths = _paths(history)
    return each(lambda: _archive(history).shard_states(paths))


def _coverage(history: History) -> Put:
    return each(lambda: _ledger(history).coverage(_stretch(history)))


def _photos(history: History) -> Put:
    """Those of so many shards."""

    def ask() -> int:
        _ledger(history).photo_faults(_stretch(history), PAGE)
        return _stretch(history).limit

    return ask


def _missing(history: History) -> Put:
    (log,) = [each for each in _ledger(history).logs() if each.log.topic == "photos.streamed"]
    slice_ = SliceCoverage(1, log.log, 200, 400, 0, 0, 0, 0)

    def ask() -> int:
        _ledger(history).missing_offsets(slice_)
        return SLICE

    return ask


def _outbox(history: History) -> Put:
    """One share of the slices of the days for which entries are kept."""
    since = history.now - OUTBOX_KEPT
    slices = int(history.one("SELECT count(*) FROM slice WHERE committed_at >= :since", since=since))

    def ask() -> int:
        _ledger(history).fill_outbox(_selection(history), since, FILLED_AT_ONCE)
        return slices

    return ask


def _shards(history: History) -> Put:
    return each(lambda: _archive(history).shards(BEGINNING, PAGE))


def _members(share: float) -> Prepare:
    def prepare(history: History) -> Put:
        query = "SELECT shard_id FROM shard WHERE state = 'live' ORDER BY shard_id OFFSET :n LIMIT 1"
        live = int(history.one("SELECT count(*) FROM shard WHERE state = 'live'"))
        first = int(history.one(query, n=int(share * (live - 1))))
        return each(lambda: _archive(history).members(MemberPosition(first, -1), PAGE))

    return prepare


def _is_indexed(history: History) -> Put:
    (member,) = _archive(history).members(MemberPosition(), 1)
    return one(lambda: _archive(history).is_indexed(member))


def _sums(age: int) -> Prepare:
    """A day's sums, per customer."""

    def prepare(history: History) -> Put:
        watermark = PostgresSyncState(history.pipeline).load().watermark
        day = (history.now - timedelta(days=age)).date()
        return each(lambda: _outcomes(history).day_figures(day, watermark))

    return prepare


def _page(history: History) -> Put:
    scope = Scope((history.now - timedelta(days=15)).date(), everyone=True)
    return each(lambda: _outcomes(history).page(scope, None, PAGE))


def _page_of_customer(history: History) -> Put:
    record = history.records("outcome = 'processed' AND accepted_at > :at", 1, at=history.now - timedelta(days=5))[0]
    scope = Scope(record.accepted_at.date(), record.customer_id)
    query = "SELECT count(*) FROM ingest_record WHERE customer_id = :customer AND processed_at >= :at"
    since = datetime.combine(scope.day, time(), UTC) - CLOCKS_APART
    records = int(history.one(query, customer=record.customer_id, at=since))

    def ask() -> int:
        """Of all that they have sent since."""
        _outcomes(history).page(scope, None, PAGE)
        return records

    return ask


def _versions(history: History) -> Put:
    records = [record.at for record in history.records("outcome = 'processed'", limit=100)]
    return each(lambda: _outcomes(history).versions(records))


QUESTIONS: Mapping[str, Prepare] = {
    "reconcile: its own log": _log,
    "reconcile: logs": lambda h: one(lambda: _ledger(h).logs()),
    "reconcile: ends of partitions": lambda h: one(lambda: _ledger(h).partitions()),
    "reconcile: coverage of slices": _coverage,
    "reconcile: offsets that lack": _missing,
    "reconcile: losses": lambda h: one(lambda: _ledger(h).lost_ranges(h.now - timedelta(hours=24))),
    "reconcile: abandoned slices": lambda h: one(lambda: _ledger(h).abandoned_slices(h.now - HOUR)),
    "reconcile: what waits in the outbox": lambda h: one(lambda: _ledger(h).waiting_outbox(h.now - HOUR)),
    "reconcile: what the outbox lacks": _outbox,
    "reconcile: photos against renditions": _photos,
    "reconcile: where coverage goes on": lambda h: one(lambda: _ledger(h).slices_end(_stretch(h))),
    "reconcile: where photos go on": lambda h: one(lambda: _ledger(h).shards_end(_stretch(h))),
    "reconcile: live shards": _shards,
    "reconcile: shards by path": _shards_by_path,
    "reconcile: members of shards, at the beginning": _members(0),
    "reconcile: members of shards, halfway": _members(0.5),
    "reconcile: whether a member is indexed": _is_indexed,
    "reconcile: customers' sums of today": _sums(0),
    "reconcile: customers' sums of a day in which photos expired": _sums(9),
    "reconcile: a day's rows": _page,
    "reconcile: a customer's rows of a day": _page_of_customer,
    "reconcile: versions": _versions,
}
