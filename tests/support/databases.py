"""Fresh, migrated databases on the test stack's PostgreSQL, one for each test that asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from pydantic import SecretStr
from sqlalchemy import make_url

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.migrations import upgrade as migrations
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.settings import DatabaseSettings

MIGRATIONS = Path(migrations.__file__).parent


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


def superuser_of(test_stack: Stack) -> str:
    """The password of PostgreSQL's superuser."""
    return Credentials(test_stack.settings.home / "secrets").password("postgres")


@contextmanager
def fresh_database(endpoints: Endpoints, superuser_password: str) -> Iterator[Database]:
    """Create an empty database with all migrations applied; it is dropped at the end."""
    name = f"test_{uuid4().hex}"
    server = Server(endpoints, superuser_password)
    server.copy(server.migrated(), name)
    try:
        yield server.database(name)
    finally:
        server.drop(name)


@contextmanager
def older_database(endpoints: Endpoints, superuser_password: str, revision: str) -> Iterator[Database]:
    """Create a database as it was at that revision; it is dropped at the end."""
    name = f"test_{uuid4().hex}"
    server = Server(endpoints, superuser_password)
    server.create(name)
    engine = make_engine(server.database(name).owner, "tests")
    try:
        upgrade(engine, revision)
        yield server.database(name)
    finally:
        engine.dispose()
        server.drop(name)


@dataclass(frozen=True, slots=True)
class Server:
    """The test stack's PostgreSQL, whose databases are copied from one to which all migrations were applied once.

    Each statement has a connection of its own: the test may have restarted the server.
    """

    endpoints: Endpoints
    superuser_password: str

    def migrated(self) -> str:
        """The name of the database to copy, which is made where it is not there; it stays for the next session."""
        name = f"migrated_{_migrations()}"
        if not self._exists(name):
            unfinished = f"test_{uuid4().hex}"
            self.create(unfinished)
            engine = make_engine(self.database(unfinished).owner, "tests")
            upgrade(engine)
            engine.dispose()
            try:
                self._execute("ALTER DATABASE {} RENAME TO {}", unfinished, name)
            except psycopg.errors.DuplicateDatabase:  # another process was quicker
                self.drop(unfinished)
        return name

    def create(self, name: str) -> None:
        """Make an empty database."""
        self._execute("CREATE DATABASE {} OWNER {}", name, "photo_owner")

    def copy(self, source: str, name: str) -> None:
        """Make a database like another one, to which nobody may be connected."""
        self._execute("CREATE DATABASE {} TEMPLATE {} OWNER {}", name, source, "photo_owner")

    def snapshot(self, source: str, name: str) -> None:
        """Make a copy of a database that is in use: a backup as of now. Whoever is connected has to connect again."""
        self._end_sessions(source)
        self.copy(source, name)

    def restore(self, backup: str, name: str) -> None:
        """Put a copy in the place of the database that it was made of."""
        self.drop(name)
        self._execute("ALTER DATABASE {} RENAME TO {}", backup, name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def database(self, name: str) -> Database:
        """The roles' ways to a database."""
        urls = self.endpoints
        return Database(
            owner=as_settings(urls.database_url, name),
            api=as_settings(urls.api_database_url, name),
            pipeline=as_settings(urls.pipeline_database_url, name),
            bi=as_settings(urls.bi_database_url, name),
        )

    def execute(self, statement: LiteralString) -> None:
        """Have the server do something that only its superuser may ask for."""
        self._execute(statement)

    def _exists(self, name: str) -> bool:
        with self.connected() as connection:
            return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None

    def _end_sessions(self, name: str) -> None:
        with self.connected() as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    def _execute(self, statement: LiteralString, *names: str) -> None:
        with self.connected() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def connected(self, database: str = "postgres") -> "psycopg.Connection[TupleRow]":
        """The superuser's connection to a database."""
        return psycopg.connect(
            self.endpoints.database_url,
            user="postgres",
            password=self.superuser_password,
            dbname=database,
            autocommit=True,
        )


def _migrations() -> str:
    """What the migrations are now: another text of theirs asks for another database."""
    digest = sha256()
    for path in sorted(MIGRATIONS.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
