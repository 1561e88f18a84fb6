"""Outcomes by day of acceptance, for the comparison with the search index."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import Engine, TextClause, text

from photo_pipeline.adapters.postgres.bi import COLUMNS, LOG_ID, outcome_of
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.named_rows import PLACE, NamedRows
from photo_pipeline.domain.documents import OutcomeRow
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.reconciliation import Figures, Scope

# Sums that are kept as the ledger changes, and what the sync has still to read: nothing is linear in the day's records.
DAY_FIGURES = text("""
SELECT customer_id, sum(documents) AS documents, sum(bytes) AS bytes, sum(expired) AS expired, sum(pending) AS pending,
       sum(versions) AS versions
  FROM (SELECT customer_id, documents, bytes, expired, 0 AS pending, versions FROM accepted_by_day WHERE day = :day
         UNION ALL
        SELECT r.customer_id, 0, 0, 0, 1, 0
          FROM ledger_state s
         CROSS JOIN LATERAL (
               SELECT r.customer_id, r.accepted_at, r.outcome FROM ledger_record r
                WHERE r.log_id = s.log_id AND r."offset" = s."offset" AND r.processed_at = s.processed_at OFFSET 0) r
         WHERE s.updated_xid >= CAST(:watermark AS xid8) AND r.accepted_at >= :start AND r.accepted_at < :end
           AND r.outcome <> 'absent') sums
 GROUP BY customer_id
""")
VERSIONS = NamedRows(f"{PLACE}, o.version")

# A customer's records have an index of their own, in the order in which they were processed: never before they came.
OF_CUSTOMER = "AND customer_id = :customer_id AND processed_at >= :earliest"
OF_NOBODY = "AND customer_id IS NULL"
# Documents of whoever has another name, or none any more, are on their way to it.
OF_SETTLED = """(customer_id = ANY (ARRAY(
         SELECT customer_id FROM renaming UNION ALL SELECT customer_id FROM closing))) IS NOT TRUE"""
CLOCKS_APART = timedelta(days=1)
"""How much earlier, by the database's clock, a record may be processed than Kafka's says that it came.

What was processed while a clock was further off is compared when its day has its turn, with everybody's.
"""


class PostgresOutcomeAudit:
    """The ``OutcomeAudit`` port on the view ``bi_outcome``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def day_figures(self, day: date, watermark: int) -> Mapping[UUID | None, Figures]:
        """See the port."""
        with transaction(self._engine) as connection:
            return {
                row.customer_id: Figures(*(int(value) for value in row[1:]))
                for row in connection.execute(DAY_FIGURES, {**_range(day), "day": day, "watermark": str(watermark)})
            }

    def page(self, scope: Scope, after: OutcomeRow | None, limit: int) -> Sequence[OutcomeRow]:
        """See the port. The index ``ledger_record_in_acceptance_order`` has this order."""
        parameters: dict[str, object] = {**_range(scope.day), "limit": limit}
        if scope.customer_id is not None:
            parameters |= {"customer_id": scope.customer_id, "earliest": _range(scope.day)["start"] - CLOCKS_APART}
        if after is not None:
            at = after.coordinates
            parameters |= {"seen": after.uploaded_at, "topic": at.topic, "partition": at.partition, "offset": at.offset}
            parameters["incarnation"] = at.incarnation
        with transaction(self._engine) as connection:
            rows = connection.execute(_page(scope, continued=after is not None), parameters)
            return [outcome_of(row) for row in rows]

    def versions(self, coordinates: Collection[RecordCoordinates]) -> Mapping[RecordCoordinates, int]:
        """See the port."""
        with transaction(self._engine) as connection:
            return {RecordCoordinates(*row[:4]): row.version for row in VERSIONS.of(connection, coordinates)}


def _page(scope: Scope, *, continued: bool) -> TextClause:
    of_whom = "" if scope.everyone else OF_NOBODY if scope.customer_id is None else OF_CUSTOMER
    after = f'AND (uploaded_at, log_id, "offset") > (:seen, ({LOG_ID}), :offset)'
    return text(f"""
SELECT {COLUMNS}
  FROM bi_outcome o
 WHERE uploaded_at >= :start AND uploaded_at < :end {of_whom} {after if continued else ""} AND {OF_SETTLED}
 ORDER BY uploaded_at, log_id, "offset" LIMIT :limit
""")


def _range(day: date) -> dict[str, datetime]:
    start = datetime.combine(day, time(), UTC)
    return {"start": start, "end": start + timedelta(days=1)}
