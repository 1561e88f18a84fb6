"""How the platform's last week was, from the views ``health_*``, with role ``photo_bi`` or ``photo_pipeline``.

Sums of hours and days, and so many of the newest outcomes: nothing here is longer for what happened long ago.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.looking import looking
from photo_pipeline.domain.health import (
    LATELY,
    PACE,
    SAMPLE,
    WEEK,
    CustomerOutcomes,
    CustomerWait,
    DiskSpace,
    HourOutcomes,
    Leaving,
    LedgerHealth,
    Volume,
)
from photo_pipeline.domain.retention import KEEP, LATEST

FIRST = 10
"""So many customers are told by name; the others together."""

NOW = text("SELECT clock_timestamp()")
HOURS = text("""
SELECT hour, CAST(sum(records) AS bigint) AS records,
       CAST(coalesce(sum(records) FILTER (WHERE outcome = 'rejected'), 0) AS bigint) AS rejected
  FROM health_hour WHERE hour > now() - CAST(:since AS interval) GROUP BY hour ORDER BY hour
""")
# Days are those of UTC: before noon yesterday belongs to it, so that midnight does not make everybody well.
CUSTOMERS = text(f"""
SELECT customer_id, records, rejected,
       CAST(sum(records) OVER () AS bigint) AS all_records, CAST(sum(rejected) OVER () AS bigint) AS all_rejected
  FROM (SELECT customer_id, CAST(sum(records) AS bigint) AS records,
               CAST(coalesce(sum(records) FILTER (WHERE outcome = 'rejected'), 0) AS bigint) AS rejected
          FROM health_customer
         WHERE day >= CAST((now() - interval '12 hours') AT TIME ZONE 'UTC' AS date)
         GROUP BY customer_id) counted
 ORDER BY rejected DESC, customer_id LIMIT {FIRST}
""")
WAITS = text(f"""
SELECT customer_id, count(*) AS records,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM processed_at - accepted_at)) AS seconds
  FROM (SELECT customer_id, accepted_at, processed_at FROM health_outcome
         WHERE processed_at > now() - CAST(:since AS interval)
         ORDER BY processed_at DESC LIMIT {SAMPLE}) newest
 WHERE accepted_at IS NOT NULL GROUP BY customer_id
""")
DONE = text("""
SELECT coalesce(sum("end" - "start"), 0) FROM metric_commit WHERE committed_at > now() - CAST(:since AS interval)
""")
SHARDS = text("""
SELECT kind, sum(length) AS bytes, max(committed_at) AS last_at,
       coalesce(sum(length) FILTER (WHERE kind = 'archive' AND committed_at > now() - interval '1 day'), 0) AS new
  FROM health_shard GROUP BY kind, dt
""")
VOLUMES = text("""
SELECT * FROM (
  SELECT DISTINCT ON (volume) volume, total, free, taken_at, first_value(free) OVER seen AS free_before,
         first_value(taken_at) OVER seen AS before_at
    FROM health_volume WHERE taken_at > now() - interval '1 day'
  WINDOW seen AS (PARTITION BY volume ORDER BY taken_at)
   ORDER BY volume, taken_at DESC) newest
 WHERE taken_at > now() - interval '1 hour'
""")
NOTE = text("INSERT INTO volume_reading (volume, total, free) VALUES (:volume, :total, :free)")
FORGET = text("DELETE FROM volume_reading WHERE taken_at < now() - interval '2 days'")


class PostgresHealth:
    """The ``HealthFigures`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def health(self) -> LedgerHealth:
        """See the port."""
        with looking(self._engine) as connection:
            shards = connection.execute(SHARDS).all()
            return LedgerHealth(
                now=connection.execute(NOW).scalar_one(),
                hours=[HourOutcomes(*row) for row in connection.execute(HOURS, {"since": WEEK + LATELY})],
                customers=_customers(connection),
                waits=_waits(connection),
                done=int(connection.execute(DONE, {"since": PACE}).scalar_one()),
                archived=int(sum(row.new for row in shards)),
                leaving=[_leaving(row) for row in shards],
                volumes=[Volume(*row) for row in connection.execute(VOLUMES)],
            )


class PostgresVolumes:
    """The ``VolumeBook`` port on PostgreSQL, with role ``photo_api``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, name: str, space: DiskSpace) -> None:
        """See the port. Whoever notes something forgets for those that are gone."""
        with transaction(self._engine) as connection:
            connection.execute(NOTE, {"volume": name, "total": space.total, "free": space.free})
            connection.execute(FORGET)


def _customers(connection: Connection) -> Sequence[CustomerOutcomes]:
    rows = connection.execute(CUSTOMERS).all()
    if not rows:
        return []
    named = [CustomerOutcomes(row.customer_id, row.records, row.rejected) for row in rows]
    records = rows[0].all_records - sum(each.records for each in named)
    rejected = rows[0].all_rejected - sum(each.rejected for each in named)
    return [*named, CustomerOutcomes(None, records, rejected)]


def _waits(connection: Connection) -> Sequence[CustomerWait]:
    rows = connection.execute(WAITS, {"since": LATELY})
    return [CustomerWait(row.customer_id, row.records, timedelta(seconds=row.seconds)) for row in rows]


def _leaving(row: Row[Any]) -> Leaving:
    return Leaving(int(row.bytes), None if row.kind == "hold" else row.last_at + KEEP + LATEST)
