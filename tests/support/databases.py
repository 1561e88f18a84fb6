"""Fresh, migrated databases on the test stack's PostgreSQL, one for each test that asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import make_url

from local_stack import Endpoints
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.settings import DatabaseSettings


@dataclass(frozen=True, slots=True)
class Database:
    """One database, under each role that knows it."""

    owner: DatabaseSettings
    api: DatabaseSettings
    pipeline: DatabaseSettings
    bi: DatabaseSettings


def as_settings(url: str, database: str | None = None) -> DatabaseSettings:
    """A libpq URL as settings, for another database of that server if one is named."""
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    if database is not None:
        parsed = parsed.set(database=database)
    return DatabaseSettings(url=SecretStr(parsed.render_as_string(hide_password=False)))


@contextmanager
def fresh_database(endpoints: Endpoints, superuser_password: str) -> Iterator[Database]:
    """Create an empty database with all migrations applied; it is dropped at the end."""
    name = f"test_{uuid4().hex}"
    _as_superuser(endpoints, superuser_password, sql.SQL("CREATE DATABASE {} OWNER photo_owner"), name)
    try:
        database = Database(
            owner=as_settings(endpoints.database_url, name),
            api=as_settings(endpoints.api_database_url, name),
            pipeline=as_settings(endpoints.pipeline_database_url, name),
            bi=as_settings(endpoints.bi_database_url, name),
        )
        engine = make_engine(database.owner, "tests")
        upgrade(engine)
        engine.dispose()
        yield database
    finally:
        # A connection of its own: the test may have restarted the server.
        _as_superuser(endpoints, superuser_password, sql.SQL("DROP DATABASE {} WITH (FORCE)"), name)


def _as_superuser(endpoints: Endpoints, password: str, statement: sql.SQL, database: str) -> None:
    server = make_url(endpoints.database_url)
    with psycopg.connect(
        host=server.host, port=server.port, user="postgres", password=password, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(statement.format(sql.Identifier(database)))
