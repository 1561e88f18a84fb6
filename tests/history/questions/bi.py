"""What the BI sync and analysts ask."""

from collections.abc import Mapping

from sqlalchemy import text
from tests.history.questions.kind import Prepare, Put, each, in_every_month, one
from tests.history.world import History

from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource, PostgresRefusedRegister, PostgresSyncState
from photo_pipeline.domain.documents import CommitPosition, RefusedDocument, SyncProgress

ROWS = 1000
SUMS = ("outcome_day", "latency_day", "camera_day")


def _source(history: History) -> PostgresOutcomeSource:
    return PostgresOutcomeSource(history.bi)


def _state(history: History) -> PostgresSyncState:
    return PostgresSyncState(history.pipeline)


def _page(share: float) -> Prepare:
    """A page of a run that has come so far."""

    def prepare(history: History) -> Put:
        xid = history.xid_of(max(1, int(share * history.shape.slices)))
        source = _source(history)
        return each(lambda: source.page(CommitPosition(xid), source.horizon(), ROWS))

    return prepare


def _news(history: History) -> Put:
    source, progress = _source(history), _state(history).load()
    return each(lambda: source.page(CommitPosition(progress.watermark), source.horizon(), ROWS))


def _named(history: History) -> Put:
    names = [str(record.at) for record in history.records("outcome = 'processed'", limit=100)]
    return each(lambda: _source(history).named(names))


def _advance(history: History) -> Put:
    seen = _state(history).load()
    return one(lambda: _state(history).advance(seen, SyncProgress(seen.watermark, history.now, seen.documents)))


def _refused(history: History) -> Put:
    register = PostgresRefusedRegister(history.pipeline)
    documents = [RefusedDocument(f"photos.uploaded-0-{number}", "2026.01", "mapping") for number in range(20)]

    def ask() -> None:
        register.note(documents)
        register.count()
        for month in register.months():
            register.page(month, "", ROWS)
        register.settle(documents)

    return one(ask)


def _view(query: str) -> Prepare:
    """Adds up the sums of days, which are kept for ever; a week's are as many as there are customers."""

    def prepare(history: History) -> Put:
        of_week = "WHERE day >= current_date - 7" if "current_date" in query else ""
        sums = sum(int(history.one(f"SELECT count(*) FROM {table} {of_week}")) for table in SUMS)

        def ask() -> int:
            with history.bi.connect() as connection:
                connection.execute(text(query)).all()
            return sums

        return ask

    return prepare


VIEWS = {
    "views: outcomes by day": "SELECT day, sum(records) FROM bi_day GROUP BY day",
    "views: a week's outcomes by day": "SELECT * FROM bi_day WHERE day >= current_date - 7",
    "views: cameras": "SELECT * FROM bi_camera",
    "views: megapixels": "SELECT * FROM bi_megapixels",
    "views: file sizes": "SELECT * FROM bi_file_size",
    "views: health by day": "SELECT * FROM bi_day_health",
    "views: a week's health by day": "SELECT * FROM bi_day_health WHERE day >= current_date - 7",
    "views: latency": "SELECT * FROM bi_latency",
    "views: health by source": "SELECT * FROM bi_source_health",
    "views: customers by format": "SELECT * FROM bi_customer_format",
}
QUESTIONS: Mapping[str, Prepare] = {
    "bi sync: the horizon": lambda h: one(lambda: _source(h).horizon()),
    "bi sync: what is new": _news,
    "bi sync: a page of a full run, at its beginning": _page(0),
    "bi sync: a page of a full run, halfway": _page(0.5),
    "bi sync: what is ahead": in_every_month(lambda h: one(lambda: _source(h).ahead())),
    "bi sync: rows by name": _named,
    "bi sync: the oldest row": in_every_month(lambda h: one(lambda: _source(h).oldest())),
    "bi sync: how many rows there are": lambda h: lambda: _source(h).count(),
    "bi sync: progress": lambda h: one(lambda: _state(h).load()),
    "bi sync: advance": _advance,
    "bi sync: what was refused": _refused,
    **{name: _view(query) for name, query in VIEWS.items()},
}
