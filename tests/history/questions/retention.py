"""What the retention asks before it does anything."""

from collections.abc import Mapping
from datetime import timedelta

from tests.history.questions.kind import Prepare, Put, each, one
from tests.history.shape import SLICE
from tests.history.world import History

from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.removal import PostgresRemovalBook
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.domain.photo import Log
from photo_pipeline.domain.removal import Removal, RemovedThing, RunEnding

HOUR = timedelta(hours=1)
SHARD_PHOTOS = SLICE * 11 // 20
"""Of twenty records eleven are photos."""


def ledger_of(history: History) -> PostgresRetentionLedger:
    """The port under the pipeline's role."""
    return PostgresRetentionLedger(history.pipeline)


def _expected(history: History, query: str, ask: Put) -> Put:
    """A question that adds up so many rows."""
    rows = max(1, int(history.one(query)))

    def put() -> int:
        ask()
        return rows

    return put


def _ages(history: History) -> Put:
    before = history.policy.committed_before(history.now)
    ask = one(lambda: ledger_of(history).ages(history.due, before, history.window))
    return _expected(history, "SELECT count(*) FROM shard WHERE state <> 'removed' AND kind <> 'hold'", ask)


def _record_ages(history: History) -> Put:
    before = history.policy.committed_before(history.now)
    ask = one(lambda: ledger_of(history).record_ages(before, history.window, history.policy.lifetime))
    query = "SELECT count(*) FROM ingest_record WHERE outcome = 'rejected' AND detail IS NOT NULL"
    return _expected(history, query, ask)


def _disputed(history: History) -> Put:
    before = history.policy.committed_before(history.now) - history.policy.margin
    return each(lambda: ledger_of(history).disputed(before, history.now))


def _unmarked(history: History) -> Put:
    before, not_after = history.policy.marked_before(history.now), history.now + history.policy.tolerance

    def ask() -> int:
        """Of copies, the youngest photo is sought."""
        return max(1, sum(SHARD_PHOTOS for _ in ledger_of(history).unmarked(before, not_after)))

    return ask


def _book(history: History) -> Put:
    book = PostgresRemovalBook(history.pipeline)
    file = RemovedThing(Removal.FILES, "/photos/archive/left.tar", 1, 1, "nobody names it")

    def ask() -> None:
        run_id = book.begin("now", [], history.now)
        book.removed_until(history.now - HOUR, history.now)
        book.permitted(Removal.SHARDS, "now", history.now)
        book.note(run_id, [file], history.now)
        book.noted(history.now)
        book.removed(run_id, file.subject, history.now)
        book.keep_notes([])
        book.end(run_id, RunEnding(None, None, {}))

    return one(ask)


def _index(history: History) -> Put:
    """A folder's files."""
    index = PostgresArchiveIndex(history.pipeline)
    slices = [(Log("photos.uploaded", 0), 200 * number) for number in range(50)]
    shards = [row.shard_id for row in history.rows("SELECT shard_id FROM shard ORDER BY shard_id LIMIT 50")]
    paths = [row.path for row in history.rows("SELECT path FROM shard ORDER BY shard_id LIMIT 50")]

    def ask() -> int:
        index.slice_states(slices)
        index.shard_states(shards)
        index.named(paths)
        return len(slices) + len(shards) + len(paths)

    return ask


QUESTIONS: Mapping[str, Prepare] = {
    "retention: stamped in the future": lambda h: one(lambda: ledger_of(h).stamped_after(h.now + HOUR)),
    "retention: what is to be marked": _unmarked,
    "retention: what is disputed": _disputed,
    "retention: ages of shards": _ages,
    "retention: what is due": lambda h: each(lambda: ledger_of(h).due(h.due, h.window)),
    "retention: ages of refused records": _record_ages,
    "retention: the book of removals": _book,
    "retention: files against the ledger": _index,
}
