"""The ledger's side of feeding dead letters again."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import OperationalError

from photo_pipeline.adapters.postgres.bulk import as_array
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.erased import erased_among
from photo_pipeline.adapters.postgres.models import ReprocessRequest
from photo_pipeline.adapters.postgres.reprocess import coordinates_of, window_of
from photo_pipeline.domain.errors import RequestBusyError
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.reprocess import Request, UnsettledRecord

LOCK_NOT_AVAILABLE = "55P03"

# A copy that is rejected again, while the request is still being worked on, is not of this request. And what was erased
# is not brought to Kafka again.
REJECTED = """
SELECT p.topic, p."partition", r."offset", p.incarnation, p.topic_id FROM ledger_record r
  JOIN partition_progress p USING (log_id)
 WHERE r.outcome = 'rejected' AND r.processed_at >= :start AND r.processed_at < :end AND p.topic = ANY(:topics)
   AND coalesce(r.reason, '') <> 'erased'
   AND (CAST(:customer_id AS uuid) IS NULL OR r.customer_id = :customer_id)
   AND (CAST(:reason AS text) IS NULL OR r.reason = :reason)
   AND (CAST(:only_topic AS text) IS NULL OR (p.topic = :only_topic AND p."partition" = :only_partition
                                              AND r."offset" = :only_offset AND p.incarnation = :only_incarnation))
   AND r.processed_at < (SELECT requested_at FROM reprocess_request WHERE request_id = :request_id)
   AND NOT EXISTS (SELECT FROM refed_record f
                    WHERE f.topic = p.topic AND f."partition" = p."partition" AND f."offset" = r."offset"
                      AND f.incarnation = p.incarnation)
   {after}
 ORDER BY r.processed_at, p.topic, p."partition", p.incarnation, r."offset" LIMIT :limit
"""
# In the index's order, so that no batch reads again what earlier ones have read.
AFTER = """
   AND r.processed_at >= (SELECT a.processed_at FROM ingest_record a
                           WHERE a.topic = :topic AND a."partition" = :partition AND a."offset" = :offset
                             AND a.incarnation = :incarnation)
   AND (r.processed_at, p.topic, p."partition", p.incarnation, r."offset")
       > ((SELECT a.processed_at FROM ingest_record a
            WHERE a.topic = :topic AND a."partition" = :partition AND a."offset" = :offset
              AND a.incarnation = :incarnation), :topic, :partition, :incarnation, :offset)
"""
# The planner expects that nearly nothing is left of a window, and would read all of it, and sort it, for each batch.
AS_THE_INDEX_GOES = text("SELECT set_config('enable_sort', 'off', true), set_config('enable_hashjoin', 'off', true)")
ANNOUNCE = text("""
INSERT INTO refed_record (topic, "partition", "offset", incarnation, request_id, sought_from)
SELECT topic, "partition", "offset", incarnation, :request_id,
       jsonb_object(CAST(:numbers AS text[]), CAST(:ends AS text[]))
  FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:offsets AS bigint[]),
              CAST(:incarnations AS smallint[])) AS sent (topic, "partition", "offset", incarnation)
ON CONFLICT DO NOTHING RETURNING topic, "partition", "offset", incarnation
""")
UNSETTLED = text("""
SELECT f.topic, f."partition", f."offset", f.incarnation, p.topic_id, f.sought_from FROM refed_record f
  JOIN partition_progress p USING (topic, "partition", incarnation)
 WHERE f.request_id = :request_id AND f.fed_at IS NULL ORDER BY f.topic, f."partition", f.incarnation, f."offset"
""")
WITHDRAW = text("""
DELETE FROM refed_record
 WHERE topic = :topic AND "partition" = :partition AND "offset" = :offset AND incarnation = :incarnation
   AND fed_at IS NULL
""")
SETTLE = text("""
UPDATE refed_record SET fed_at = clock_timestamp(), fed_partition = :fed_partition, fed_offset = :fed_offset
 WHERE topic = :topic AND "partition" = :partition AND "offset" = :offset AND incarnation = :incarnation
   AND fed_at IS NULL
""")
FED = text("SELECT count(*) FROM refed_record WHERE request_id = :request_id AND fed_at IS NOT NULL")


@dataclass(frozen=True, slots=True)
class _Turn:
    """The ``Turn`` port, as long as the transaction lasts."""

    connection: Connection

    def check(self) -> None:
        """See the port."""
        self.connection.execute(select(1)).close()

    def erased(self, customers: Collection[UUID], photos: Collection[UUID]) -> set[UUID]:
        """See the port. Who erases locks the customer first, and so waits for this transaction."""
        self.connection.execute(select(func.keep_open(as_array(list(customers))))).close()
        return erased_among(self.connection, [*customers, *photos])


class PostgresDeadLetterLedger:
    """The ``DeadLetterLedger`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def alone(self, request_id: str) -> Iterator[_Turn]:
        """See the port. The lock is one that new rows of the request do not wait for.

        The server ends a transaction that stands still for too long, and a query then fails.
        """
        statement = select(ReprocessRequest.request_id).where(ReprocessRequest.request_id == request_id)
        with transaction(self._engine) as connection:
            try:
                connection.execute(statement.with_for_update(key_share=True, nowait=True))
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                    raise RequestBusyError(request_id) from error
                raise
            yield _Turn(connection)

    def rejected(
        self, request: Request, topics: Collection[str], after: RecordCoordinates | None, limit: int
    ) -> Sequence[RecordCoordinates]:
        """See the port. The index ``ledger_record_rejected`` finds the window."""
        parameters: dict[str, object] = {**window_of(request), "topics": list(topics), "limit": limit}
        parameters |= {"request_id": request.request_id, "reason": request.reason and request.reason.value}
        only = request.record
        parameters |= {"only_topic": only and only.topic, "only_partition": only and only.partition}
        parameters |= {"only_offset": only and only.offset, "only_incarnation": only and only.incarnation}
        if after is not None:
            parameters |= {"topic": after.topic, "partition": after.partition, "offset": after.offset}
            parameters["incarnation"] = after.incarnation
        statement = text(REJECTED.format(after="" if after is None else AFTER))
        with transaction(self._engine) as connection:
            connection.execute(AS_THE_INDEX_GOES)
            return [coordinates_of(row) for row in connection.execute(statement, parameters)]

    def announce(
        self, request_id: str, records: Collection[RecordCoordinates], sought_from: Mapping[int, int]
    ) -> set[RecordCoordinates]:
        """See the port."""
        parameters = {
            "request_id": request_id,
            "topics": [record.topic for record in records],
            "partitions": [record.partition for record in records],
            "offsets": [record.offset for record in records],
            "incarnations": [record.incarnation for record in records],
            "numbers": [str(number) for number in sought_from],
            "ends": [str(end) for end in sought_from.values()],
        }
        with transaction(self._engine) as connection:
            return {coordinates_of(row) for row in connection.execute(ANNOUNCE, parameters)}

    def unsettled(self, request_id: str) -> Sequence[UnsettledRecord]:
        """See the port."""
        with transaction(self._engine) as connection:
            return [
                UnsettledRecord(coordinates_of(row), {int(number): int(end) for number, end in row.sought_from.items()})
                for row in connection.execute(UNSETTLED, {"request_id": request_id})
            ]

    def withdraw(self, records: Collection[RecordCoordinates]) -> None:
        """See the port."""
        if records:
            with transaction(self._engine) as connection:
                connection.execute(WITHDRAW, [_key(record) for record in records])

    def settle(self, fed: Mapping[RecordCoordinates, RecordCoordinates]) -> None:
        """See the port."""
        rows = [
            {**_key(rejected), "fed_partition": at.partition, "fed_offset": at.offset} for rejected, at in fed.items()
        ]
        if rows:
            with transaction(self._engine) as connection:
                connection.execute(SETTLE, rows)

    def fed(self, request_id: str) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            return int(connection.execute(FED, {"request_id": request_id}).scalar_one())


def _key(record: RecordCoordinates) -> dict[str, str | int]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "incarnation": record.incarnation,
    }
