"""How the Photos page looks at the database: only reading, and for a few seconds at most."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, TextClause, text

from photo_pipeline.adapters.postgres.engine import transaction

# Rather no figures than a server that is kept busy by people who look at it.
LIMITS = (text("SET TRANSACTION READ ONLY"), text("SET LOCAL statement_timeout = '4s'"))


@contextmanager
def looking(engine: Engine) -> Iterator[Connection]:
    """One transaction that can only read, and that the server ends where a statement takes too long."""
    with transaction(engine) as connection:
        for limit in LIMITS:
            connection.execute(limit)
        yield connection


def rows_of(engine: Engine, statement: TextClause, **parameters: object) -> Sequence[Row[Any]]:
    """All rows of one statement, in a look of its own."""
    with looking(engine) as connection:
        return connection.execute(statement, parameters).all()
