"""What the retention does. Each of these changes the history a little."""

from collections.abc import Mapping

from tests.history.questions.kind import Prepare, Put, in_every_month, one
from tests.history.questions.retention import ledger_of
from tests.history.shape import VETERAN
from tests.history.world import History

from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.removal import Removal, RemovedThing

ROWS = 5000
FEW = 200


def _due(history: History) -> int:
    query = "SELECT shard_id FROM shard WHERE kind = 'archive' AND state <> 'removed' AND kept_until <= :at"
    return int(history.one(f"{query} ORDER BY shard_id LIMIT 1", at=history.now))


def _mark(history: History) -> Put:
    shard_id = _due(history)
    return one(lambda: ledger_of(history).mark(shard_id, history.due.marked_at, history.now))


def _restamp(history: History) -> Put:
    shard_id = history.shape.slices
    return one(lambda: ledger_of(history).restamp(shard_id, history.now, history.now))


def _retire(history: History) -> Put:
    """A shard that is due, from the claim to the record of its removal."""
    ledger, shard_id = ledger_of(history), _due(history)
    photos = int(history.one("SELECT count(*) FROM photo WHERE shard_id = :shard_id", shard_id=shard_id))

    def ask() -> int:
        claim = ledger.claim(shard_id, history.due)
        assert claim is not None
        held = ledger.held_photos(claim)
        if held:
            ledger.move(claim, ShardFile(f"{claim.path}.held", 1), held)
        ledger.expire(claim)
        thing = RemovedThing(Removal.SHARDS, claim.path, 1, claim.length, "old")
        ledger.record_removed(claim, 1, thing, history.now)
        return max(1, photos)

    return ask


def _all(change: str) -> Prepare:
    """All that is due, until there is none."""

    def prepare(history: History) -> Put:
        before = history.policy.committed_before(history.now)

        def ask() -> int:
            changed = 0
            while done := getattr(ledger_of(history), change)(before, ROWS):
                changed += done
            return max(1, changed)

        return ask

    return prepare


def _nothing_left(change: str, table: str) -> Prepare:
    """Asked once more, which every hour ends with."""

    def prepare(history: History) -> Put:
        before = history.policy.committed_before(history.now)
        _all(change)(history)()
        history.vacuum(table)
        return one(lambda: getattr(ledger_of(history), change)(before, ROWS))

    return prepare


def _close_more(history: History) -> Put:
    """Not the first of it."""
    history.one("SELECT close_account(:who, now() + interval '1 day')", who=VETERAN)
    history.one("SELECT close_some(:who, :rows)", who=VETERAN, rows=FEW)

    def ask() -> int:
        ledger_of(history).close_some(FEW)
        return FEW

    return ask


QUESTIONS: Mapping[str, Prepare] = {
    "retention: mark a shard": _mark,
    "retention: restamp a shard": _restamp,
    "retention: retire a shard": _retire,
    "retention: blank refused records": _all("blank_rejected"),
    "retention: no refused record to blank": in_every_month(_nothing_left("blank_rejected", "ledger_record")),
    "retention: forget what was published": _all("forget_published"),
    "retention: nothing to forget": _nothing_left("forget_published", "outbox"),
    "retention: blank more of a closed account": in_every_month(_close_more),
}
