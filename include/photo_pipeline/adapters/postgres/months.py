"""The partitions of the ledger's tables. Functions of the tables' owner make them for the role ``photo_pipeline``."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from sqlalchemy import Engine, text

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.removal import insert_removals
from photo_pipeline.domain.months import MonthFacts, end_of
from photo_pipeline.domain.removal import RemovedThing

TABLES = ("ledger_record", "ledger_state")
PARTITIONS = text("""
SELECT parent.relname AS ledger, part.relname AS name
  FROM pg_inherits i
  JOIN pg_class parent ON parent.oid = i.inhparent
  JOIN pg_class part ON part.oid = i.inhrelid
 WHERE i.inhparent = ANY (CAST(:tables AS regclass[]))
""")
UNSORTED = text("""
SELECT DISTINCT CAST(date_trunc('month', processed_at AT TIME ZONE 'UTC') AS date) FROM ledger_record_rest ORDER BY 1
""")
ADD = text("SELECT add_ledger_month(:ledger, :month)")
FACTS = text("""
SELECT count(*) AS records, max(accepted_at) AS youngest FROM ledger_record
 WHERE processed_at >= :since AND processed_at < :until
""")
SIZE = text("""
SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0) FROM unnest(CAST(:names AS text[])) name
""")
# A run of the sync that has come to its end has read everything below its watermark.
UNSYNCED = text("""
SELECT EXISTS (SELECT FROM ledger_state
                WHERE processed_at >= :since AND processed_at < :until
                  AND updated_xid >= coalesce((SELECT min(watermark) FROM bi_sync_state), CAST('0' AS xid8)))
""")
LEFT = text("""
SELECT (SELECT count(*) FROM slice
         WHERE state = 'committed' AND counted_at IS NULL AND committed_at >= :since AND committed_at < :until
       ) AS uncounted,
       EXISTS (SELECT FROM outbox WHERE published_at IS NULL AND processed_at >= :since AND processed_at < :until
       ) AS unpublished,
       (SELECT count(*) FROM slice s JOIN shard d USING (slice_id)
         WHERE s.committed_at >= :since AND s.committed_at < :until AND d.state <> 'removed') AS living
""")
# The oldest first, so that what is left of a log is whole. Shards that took photos over are of no slice.
FORGET_SLICES = text("""
WITH chosen AS MATERIALIZED (
  SELECT slice_id FROM slice WHERE committed_at < :before ORDER BY committed_at, slice_id LIMIT :limit
), old AS MATERIALIZED (
  SELECT shard_id FROM shard WHERE slice_id IN (SELECT slice_id FROM chosen)
   UNION ALL
  (SELECT shard_id FROM shard WHERE state = 'removed' AND removed_at < :before AND slice_id IS NULL
    ORDER BY removed_at LIMIT :limit)
), attempts AS (
  DELETE FROM reprocess_attempt
   WHERE source_shard_id IN (SELECT shard_id FROM old) OR shard_id IN (SELECT shard_id FROM old)
), shards AS (
  DELETE FROM shard WHERE shard_id IN (SELECT shard_id FROM old)
), gone AS (
  DELETE FROM slice WHERE slice_id IN (SELECT slice_id FROM chosen)
  RETURNING topic, "partition", incarnation, "end"
), ends AS (
  SELECT topic, "partition", incarnation, max("end") AS "end" FROM gone GROUP BY 1, 2, 3
), moved AS (
  UPDATE partition_progress p SET first_offset = greatest(p.first_offset, e."end") FROM ends e
   WHERE e.topic = p.topic AND e."partition" = p."partition" AND e.incarnation = p.incarnation
)
SELECT count(*) FROM gone
""")
# With what had expired by then goes what has no record any more: it was accepted by then (Kafka's clock may be
# ahead), and expired soon after. What expired later is in the index photo_outlasting: an erasure needs no record of it.
FORGET_PHOTOS = text("""
WITH chosen AS MATERIALIZED (
  SELECT photo_id FROM photo p
   WHERE status = 'expired' AND expired_at < CAST(:before AS timestamptz) + interval '11 days'
     AND (expired_at < :before OR accepted_at < CAST(:before AS timestamptz) + interval '1 hour')
     AND NOT EXISTS (SELECT FROM hold h WHERE h.photo_id = p.photo_id AND h.lifted_at IS NULL)
   ORDER BY expired_at LIMIT :limit
), holds AS (
  DELETE FROM hold WHERE lifted_at IS NOT NULL AND photo_id IN (SELECT photo_id FROM chosen)
)
DELETE FROM photo WHERE photo_id IN (SELECT photo_id FROM chosen)
""")
DROP = text("SELECT drop_ledger_month(:ledger, :month)")
NAME = re.compile(r"_(\d{4})_(\d{2})$")


class PostgresLedgerMonths:
    """The ``LedgerMonths`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def there(self) -> Sequence[date]:
        """See the port."""
        return sorted(set.intersection(*self._found()))

    def oldest(self) -> date | None:
        """See the port."""
        return min(set.union(*self._found()), default=None)

    def unsorted(self) -> Sequence[date]:
        """See the port. Reads all that waits, which is what came since the last run."""
        with transaction(self._engine) as connection:
            return list(connection.scalars(UNSORTED))

    def add(self, month: date) -> None:
        """See the port. One table at a time: readers lock both, in either order."""
        for table in TABLES:
            with transaction(self._engine) as connection:
                connection.execute(ADD, {"ledger": table, "month": month})

    def facts(self, month: date) -> MonthFacts:
        """See the port."""
        bounds = {"since": datetime.combine(month, time(), UTC), "until": end_of(month)}
        names = [f"{table}_{month:%Y_%m}" for table in TABLES]
        with transaction(self._engine) as connection:
            records = connection.execute(FACTS, bounds).one()
            left = connection.execute(LEFT, bounds).one()
            return MonthFacts(
                records=records.records,
                bytes=int(connection.execute(SIZE, {"names": names}).scalar_one()),
                youngest=records.youngest,
                uncounted=left.uncounted,
                unsynced=connection.execute(UNSYNCED, bounds).scalar_one(),
                unpublished=left.unpublished,
                living=left.living,
            )

    def forget_slices(self, before: datetime, limit: int) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            return int(connection.execute(FORGET_SLICES, {"before": before, "limit": limit}).scalar_one())

    def forget_photos(self, before: datetime, limit: int) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            return connection.execute(FORGET_PHOTOS, {"before": before, "limit": limit}).rowcount

    def drop(self, month: date, run_id: int, thing: RemovedThing, now: datetime) -> None:
        """See the port. The records go last, with the line that says so."""
        records, *others = TABLES
        for table in others:
            with transaction(self._engine) as connection:
                connection.execute(DROP, {"ledger": table, "month": month})
        with transaction(self._engine) as connection:
            connection.execute(DROP, {"ledger": records, "month": month})
            insert_removals(connection, run_id, [thing], now, removed_at=now)

    def _found(self) -> list[set[date]]:
        found: dict[str, set[date]] = {table: set() for table in TABLES}
        with transaction(self._engine) as connection:
            for row in connection.execute(PARTITIONS, {"tables": list(TABLES)}):
                if named := NAME.search(row.name):
                    found[row.ledger].add(date(int(named[1]), int(named[2]), 1))
        return list(found.values())
