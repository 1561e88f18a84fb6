"""What the exporter of metrics, the watch and the Photos page ask."""

from collections.abc import Mapping
from datetime import timedelta

from tests.history.questions.kind import Prepare, Put, each, one
from tests.history.shape import ordinary
from tests.history.world import History

from photo_pipeline.adapters.postgres.form_previews import PostgresFormPreviews
from photo_pipeline.adapters.postgres.health import PostgresHealth
from photo_pipeline.adapters.postgres.metrics import PostgresFigures
from photo_pipeline.adapters.postgres.notices import PostgresNoticeBook
from photo_pipeline.adapters.postgres.photos_page import PostgresLedgerView
from photo_pipeline.domain.forms import Feedable
from photo_pipeline.domain.notices import Condition, NoticeKind
from photo_pipeline.domain.reprocess import Mode, Request
from photo_pipeline.operations.view import HOUR, WEEK
from photo_pipeline.settings import TopicNames

LATELY = timedelta(minutes=10)
AGAIN = timedelta(hours=6)
LATE = [Condition("ingest", "late")]
LIVE_SHARDS = "SELECT count(*) FROM shard WHERE state <> 'removed'"

SUMS_OF_A_DAY = "SELECT count(*) FROM outcome_day WHERE day >= day_of(now() - interval '12 hours')"


def _figures(history: History) -> PostgresFigures:
    return PostgresFigures(history.bi)


def _view(history: History) -> PostgresLedgerView:
    return PostgresLedgerView(history.bi)


def _live_shards(ask: Prepare) -> Prepare:
    """Adds up what the archive holds, shard by shard."""

    def prepare(history: History) -> Put:
        put, shards = ask(history), int(history.one(LIVE_SHARDS))

        def counted() -> int:
            put()
            return shards

        return counted

    return prepare


def _customers_of_a_day(ask: Prepare) -> Prepare:
    """Adds up what a day came to, sum by sum: so many as it had customers, formats and sizes."""

    def prepare(history: History) -> Put:
        put, sums = ask(history), int(history.one(SUMS_OF_A_DAY))
        return lambda: put() + sums

    return prepare


def _committed(history: History) -> Put:
    return lambda: sum(len(slice_.outcomes) for slice_ in _figures(history).committed(history.now - LATELY, []))


def _notices(history: History) -> Put:
    book = PostgresNoticeBook(history.pipeline)

    def ask() -> None:
        book.note(NoticeKind.LATENESS, LATE)
        book.end_others(NoticeKind.LATENESS, LATE)
        book.forget(NoticeKind.LATENESS, AGAIN, AGAIN)
        with book.untold(NoticeKind.LATENESS):
            pass

    return one(ask)


def _slice(history: History) -> Put:
    return one(lambda: _view(history).slice(history.shape.slices // 2))


def _rejected(history: History) -> Put:
    record = history.records("outcome = 'rejected'", limit=1)[0]
    return one(lambda: _view(history).rejected(record.at))


def _feedable(history: History) -> Feedable:
    window = (history.now - timedelta(hours=1), history.now)
    return _previews(history).feedable(Request("preview", Mode.DEAD_LETTERS, *window))


def _holdable(history: History) -> Put:
    return lambda: max(1, _previews(history).named(None, ordinary(0)).photos)


def _previews(history: History) -> PostgresFormPreviews:
    return PostgresFormPreviews(history.bi, TopicNames().incoming)


QUESTIONS: Mapping[str, Prepare] = {
    "metrics: logs": lambda h: one(lambda: _figures(h).logs()),
    "metrics: the ledger's figures": _live_shards(lambda h: one(lambda: _figures(h).ledger())),
    "metrics: what was committed lately": _committed,
    "watch: notices": _notices,
    "health: the last week": _customers_of_a_day(_live_shards(lambda h: one(lambda: PostgresHealth(h.bi).health()))),
    "Photos page: logs": lambda h: one(lambda: _view(h).logs()),
    "Photos page: overview": _live_shards(lambda h: one(lambda: _view(h).overview())),
    "Photos page: a day's outcomes": lambda h: one(lambda: _view(h).outcomes(timedelta(days=1), HOUR)),
    "Photos page: a week's outcomes": lambda h: one(lambda: _view(h).outcomes(WEEK, HOUR)),
    "Photos page: a slice": _slice,
    "Photos page: what feeding an hour's dead letters would do": lambda h: each(lambda: _feedable(h).refused),
    "Photos page: what a customer's hold would keep": _holdable,
    "Photos page: a refused record": _rejected,
}
