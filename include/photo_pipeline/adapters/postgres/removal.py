"""The book of what was removed for good, on PostgreSQL with role ``photo_pipeline``."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from photo_pipeline.adapters.postgres import models_of_removal as models
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.domain.clocks import Reading
from photo_pipeline.domain.removal import Removal, RemovedThing, RunEnding
from photo_pipeline.domain.removal_permit import PermitRequest

GOOD_FOR = timedelta(days=1)
"""A permit that no run has needed by then is none any more."""

_RUN = models.RetentionRun
_REMOVAL = models.Removal
_PERMIT = models.RemovalPermit


class PostgresRemovalBook:
    """The ``RemovalBook`` and ``PermitBook`` ports on PostgreSQL. Each method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, name: str, readings: Sequence[Reading], now: datetime | None) -> int:
        """See the port."""
        clocks = {reading.clock: reading.time.isoformat() for reading in readings}
        statement = insert(_RUN).values(name=name, clocks=clocks, looked_at=now).returning(_RUN.run_id)
        with transaction(self._engine) as connection:
            return connection.execute(statement).scalar_one()

    def end(self, run_id: int, ending: RunEnding) -> None:
        """See the port."""
        values = {
            "state": "done" if ending.stopped is None else "stopped",
            "stopped": ending.stopped,
            "removed_until": ending.removed_until,
            "summary": dict(ending.summary),
            "ended_at": func.clock_timestamp(),
        }
        with transaction(self._engine) as connection:
            connection.execute(update(_RUN).where(_RUN.run_id == run_id).values(values))

    def removed_until(self, looked_by: datetime, not_after: datetime) -> datetime | None:
        """See the port."""
        latest = select(func.max(_RUN.removed_until)).where(
            _RUN.removed_until <= not_after, _RUN.looked_at <= looked_by
        )
        with transaction(self._engine) as connection:
            return connection.scalar(latest)

    def permitted(self, what: Removal, run_name: str, now: datetime) -> int:
        """See the port. The run may ask again; no other one gets the same permit."""
        is_fresh = and_(_PERMIT.used_by.is_(None), _PERMIT.granted_at > now - GOOD_FOR)
        mine = (
            select(_PERMIT.permit_id)
            .where(_PERMIT.what == what, or_(_PERMIT.used_by == run_name, is_fresh))
            .order_by(_PERMIT.used_by.nulls_last(), _PERMIT.permit_id.desc())
            .limit(1)
            .with_for_update()
            .scalar_subquery()
        )
        statement = update(_PERMIT).where(_PERMIT.permit_id == mine).values(used_by=run_name).returning(_PERMIT.most)
        with transaction(self._engine) as connection:
            return connection.scalar(statement) or 0

    def grant(self, request: PermitRequest) -> int:
        """See the port."""
        values = {"what": request.what, "most": request.most, "reason": request.reason, "granted_by": request.by}
        with transaction(self._engine) as connection:
            return connection.execute(insert(_PERMIT).values(values).returning(_PERMIT.permit_id)).scalar_one()

    def record(self, run_id: int, things: Sequence[RemovedThing], now: datetime) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            insert_removals(connection, run_id, things, now, removed_at=now)

    def note(self, run_id: int, things: Sequence[RemovedThing], now: datetime) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            insert_removals(connection, run_id, things, now, removed_at=None)

    def noted(self, by: datetime) -> set[str]:
        """See the port."""
        noted = select(_REMOVAL.subject).where(_REMOVAL.removed_at.is_(None), _REMOVAL.noted_at <= by)
        with transaction(self._engine) as connection:
            return set(connection.scalars(noted))

    def removed(self, run_id: int, path: str, now: datetime) -> None:
        """See the port."""
        noted = update(_REMOVAL).where(_REMOVAL.subject == path, _REMOVAL.removed_at.is_(None))
        with transaction(self._engine) as connection:
            connection.execute(noted.values(run_id=run_id, removed_at=now))

    def keep_notes(self, paths: Collection[str]) -> None:
        """See the port."""
        others = delete(_REMOVAL).where(_REMOVAL.removed_at.is_(None), _REMOVAL.subject.not_in(paths))
        with transaction(self._engine) as connection:
            connection.execute(others)


def insert_removals(
    connection: Connection, run_id: int, things: Sequence[RemovedThing], now: datetime, removed_at: datetime | None
) -> None:
    """Write lines of the record; a file that is noted already is not noted again."""
    rows = [
        {
            "run_id": run_id,
            "what": thing.what,
            "subject": thing.subject,
            "amount": thing.amount,
            "bytes": thing.bytes,
            "why": thing.why,
            "noted_at": now,
            "removed_at": removed_at,
        }
        for thing in things
    ]
    if rows:
        connection.execute(upsert(_REMOVAL).on_conflict_do_nothing(), rows)
