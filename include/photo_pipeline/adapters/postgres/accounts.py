"""Whole accounts, with role ``photo_api``."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, text

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.domain.accounts import STEP, AccountRecord
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.photo import RecordCoordinates

STEPS = 5
"""So many of them while the customer waits; what an account has beyond them, the retention blanks."""
_CLOSE = text("SELECT close_account(:customer_id, :sessions_until)")
_CLOSE_SOME = text("SELECT close_some(:customer_id, :most)")
# First what is the customer's, in the order of the index; the rest is looked up for each.
_RECORDS = """
SELECT r.log_id, l.topic, l."partition", r."offset", l.incarnation, r.outcome, r.reason, r.photo_id, r.source,
       coalesce(r.filename, s.filename) AS filename, r.bytes, r.accepted_at, r.processed_at, s.expired_at
  FROM (SELECT * FROM ledger_record WHERE customer_id = :customer_id {after}
         ORDER BY processed_at, log_id, "offset" LIMIT :limit) r
  LEFT JOIN ledger_state s ON s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
  LEFT JOIN partition_progress l ON l.log_id = r.log_id
 ORDER BY r.processed_at, r.log_id, r."offset"
"""
_FIRST = text(_RECORDS.format(after=""))
_LATER = text(
    _RECORDS.format(
        after='AND processed_at >= :since AND (processed_at, log_id, "offset") > (:since, :log_id, :offset)'
    )
)


class PostgresAccounts:
    """The ``AccountRegister`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self, customer_id: UUID, sessions_until: datetime) -> bool:
        """See the port. The role may call these functions, and change nothing of what they change."""
        parameters = {"customer_id": customer_id, "sessions_until": sessions_until}
        with transaction(self._engine) as connection:
            if not connection.execute(_CLOSE, parameters).scalar_one():
                return False
            _close_some(connection, customer_id)
        with suppress(ServerUnavailableError):  # the account is closed, and what is left is known
            self._go_on(customer_id)
        return True

    def _go_on(self, customer_id: UUID) -> None:
        for _ in range(STEPS - 1):
            with transaction(self._engine) as connection:
                if not _close_some(connection, customer_id):
                    break

    def records(self, customer_id: UUID, after: AccountRecord | None, limit: int) -> Sequence[AccountRecord]:
        """See the port. The index ``ledger_record_of_customer`` serves any page in the same time."""
        parameters: dict[str, Any] = {"customer_id": customer_id, "limit": limit}
        if after is not None:
            parameters |= {"since": after.processed_at, "log_id": after.log_id, "offset": after.coordinates.offset}
        with transaction(self._engine) as connection:
            return [_record(row) for row in connection.execute(_FIRST if after is None else _LATER, parameters)]


def _close_some(connection: Connection, customer_id: UUID) -> int:
    return int(connection.execute(_CLOSE_SOME, {"customer_id": customer_id, "most": STEP}).scalar_one())


def _record(row: Row[*tuple[Any, ...]]) -> AccountRecord:
    log_id, topic, partition, offset, incarnation, *others = row
    return AccountRecord(log_id, RecordCoordinates(topic, partition, offset, incarnation), *others)
