"""The database's clock: one time for everybody, however wrong the clocks of the machines that run tasks are."""

from datetime import datetime

from sqlalchemy import Engine, func, select

from photo_pipeline.adapters.postgres.engine import transaction


class DatabaseClock:
    """The ``Clock`` port on PostgreSQL: the clock that stamped what is compared with it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self) -> datetime:
        """See the port.

        Raises:
            ServerUnavailableError: when the database is away.
        """
        with transaction(self._engine) as connection:
            now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return now
