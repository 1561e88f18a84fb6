"""The ``Tally`` port on PostgreSQL, with role ``photo_pipeline``."""

from datetime import date

from sqlalchemy import Engine, text

from photo_pipeline.adapters.postgres.engine import transaction

COUNTING = 7_468_120_949
"""Advisory lock key: one counts at a time, so that nobody waits for the other's days in another order."""
ALONE = text("SELECT pg_advisory_xact_lock(:key)")

# One statement, and so one view of the ledger: what is added is what is marked as added.
COUNT = text("""
WITH chosen AS (
  SELECT slice_id FROM slice WHERE state = 'committed' AND counted_at IS NULL
   ORDER BY slice_id LIMIT :slices FOR UPDATE
), counted AS MATERIALIZED (
  SELECT u.* FROM chosen c CROSS JOIN LATERAL (
         SELECT * FROM outcome_uncounted u WHERE u.slice_id = c.slice_id OFFSET 0) u
), days AS (
  INSERT INTO outcome_day AS kept (day, customer_id, outcome, source, format, reason, megapixels, size, records, bytes)
  SELECT day, customer_id, outcome, source, format, reason, megapixels, size, count(*), coalesce(sum(bytes), 0)
    FROM counted GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
  ON CONFLICT (day, customer_id, outcome, source, format, reason, megapixels, size) DO UPDATE
     SET records = kept.records + excluded.records, bytes = kept.bytes + excluded.bytes
), hours AS (
  INSERT INTO outcome_hour AS kept (hour, outcome, source, reason, records, bytes)
  SELECT hour, outcome, source, reason, count(*), coalesce(sum(bytes), 0) FROM counted GROUP BY 1, 2, 3, 4
  ON CONFLICT (hour, outcome, source, reason) DO UPDATE
     SET records = kept.records + excluded.records, bytes = kept.bytes + excluded.bytes
), cameras AS (
  INSERT INTO camera_day AS kept (day, camera, photos, bytes)
  SELECT day, camera, count(*), coalesce(sum(bytes), 0) FROM counted WHERE outcome = 'processed' GROUP BY 1, 2
  ON CONFLICT (day, camera) DO UPDATE
     SET photos = kept.photos + excluded.photos, bytes = kept.bytes + excluded.bytes
), latencies AS (
  INSERT INTO latency_day AS kept (day, step, records)
  SELECT day, step, count(*) FROM counted WHERE step IS NOT NULL GROUP BY 1, 2
  ON CONFLICT (day, step) DO UPDATE SET records = kept.records + excluded.records
), accepted AS (
  INSERT INTO accepted_day AS kept (day, customer_id, documents, bytes, expired, versions)
  SELECT accepted_on, customer_id, count(*), coalesce(sum(bytes), 0), 0, count(*)
    FROM counted WHERE accepted_on IS NOT NULL GROUP BY 1, 2
  ON CONFLICT (day, customer_id) DO UPDATE
     SET documents = kept.documents + excluded.documents, bytes = kept.bytes + excluded.bytes,
         versions = kept.versions + excluded.versions
)
UPDATE slice s SET counted_at = now() FROM chosen c WHERE s.slice_id = c.slice_id
""")
GATHER = text("""
WITH gone AS (
  DELETE FROM accepted_change RETURNING *
), added AS (
  INSERT INTO accepted_day AS kept (day, customer_id, documents, bytes, expired, versions)
  SELECT day, customer_id, 0, 0, sum(expired), sum(versions) FROM gone GROUP BY 1, 2
  ON CONFLICT (day, customer_id) DO UPDATE
     SET expired = kept.expired + excluded.expired, versions = kept.versions + excluded.versions
)
SELECT count(*) FROM gone
""")
FORGET = text("DELETE FROM accepted_day WHERE day < :before")


class PostgresTally:
    """Sums in the tables ``outcome_day``, ``outcome_hour``, ``camera_day``, ``latency_day`` and ``accepted_day``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self, slices: int) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(ALONE, {"key": COUNTING})
            return connection.execute(COUNT, {"slices": slices}).rowcount

    def gather(self) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(ALONE, {"key": COUNTING})
            return int(connection.execute(GATHER).scalar_one())

    def forget(self, before: date) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(ALONE, {"key": COUNTING})
            return connection.execute(FORGET, {"before": before}).rowcount
