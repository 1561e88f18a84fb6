"""The one door to the database: engines with bounded pools and short time limits."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from photo_pipeline.domain.errors import ServerUnavailableError, UnstorableError
from photo_pipeline.settings import DatabaseSettings

Cursor = psycopg.Cursor[TupleRow]
MILLISECONDS = 1000
PROBES = 3
"""How often a silent other end is asked before it is given up."""
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""What a server that has become another's standby says to whoever writes, too: the next connection finds that other."""


def make_engine(settings: DatabaseSettings, application_name: str) -> Engine:
    """An engine on psycopg 3. Connections are checked before use, so that a restarted server is not an error.

    A partition resets no connection, so both ends are told after how much silence to give one up: the client, which
    waits for an answer that was lost (Linux would wait for ever), and the server, which holds a session's locks.
    """
    silence = settings.silence_seconds * MILLISECONDS
    probe_seconds = max(1, settings.silence_seconds // PROBES)
    keepalive = {"idle": probe_seconds, "interval": probe_seconds, "count": PROBES}
    options = {
        "timezone": "UTC",
        "idle_in_transaction_session_timeout": settings.idle_transaction_seconds * MILLISECONDS,
        "tcp_user_timeout": silence,
        **{f"tcp_keepalives_{name}": value for name, value in keepalive.items()},
    }
    engine = create_engine(
        make_url(settings.url.get_secret_value()).set(drivername="postgresql+psycopg"),
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=settings.connect_timeout_seconds,
        connect_args={
            "connect_timeout": settings.connect_timeout_seconds,
            "application_name": application_name,
            "tcp_user_timeout": silence,
            **{f"keepalives_{name}": value for name, value in keepalive.items()},
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        },
    )
    if settings.iam_region is not None:
        _use_iam_tokens(engine, settings.iam_region)
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction (READ COMMITTED): committed on leaving, rolled back by any error.

    Raises:
        ServerUnavailableError: when the server is away, or ended the transaction for a reason that a retry may cure.
        UnstorableError: when a value is none that the database can hold.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (DataError, UnicodeEncodeError) as error:
        raise UnstorableError("a value is none that the database can hold") from error
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise ServerUnavailableError("PostgreSQL", str(error).partition("\n")[0]) from error
    except InternalError as error:
        if not error.connection_invalidated:
            raise
        # The server has ended a session that stood still inside a transaction for too long.
        raise ServerUnavailableError("PostgreSQL", str(error).partition("\n")[0]) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Cursor]:
    """A cursor for statements of which each stands for itself, nearly all only read: rows are psycopg's plain tuples.

    What SQLAlchemy does for a statement costs several times what it costs to send it and to read a few rows; and no
    BEGIN and no COMMIT go to the server.

    Raises:
        ServerUnavailableError: when the server is away.
        UnstorableError: when a value is none that the database can hold.
    """
    with transaction(engine) as connection:
        driver: psycopg.Connection[TupleRow] = connection.connection.driver_connection  # type: ignore[assignment]
        driver.autocommit = True
        try:
            with driver.cursor() as cursor:
                yield cursor
        except psycopg.DataError as error:
            raise UnstorableError("a value is none that the database can hold") from error
        except _AWAY as error:
            connection.invalidate()
            raise ServerUnavailableError("PostgreSQL", str(error).partition("\n")[0]) from error
        finally:
            if not driver.closed:
                driver.autocommit = False


def _use_iam_tokens(engine: Engine, region: str) -> None:
    """RDS IAM authentication: a token instead of a password, made anew for each connection as it lives 15 minutes.

    Source: Amazon RDS User Guide, "IAM database authentication".
    """
    # A fifth of a second of CPU, which each task would pay, and which nobody but RDS needs.
    import boto3  # noqa: PLC0415 - see above

    client = boto3.client("rds", region_name=region)
    url: URL = engine.url

    @event.listens_for(engine, "do_connect")
    def _password(_dialect: object, _record: object, _args: object, parameters: dict[str, object]) -> None:
        parameters["password"] = client.generate_db_auth_token(
            DBHostname=url.host, Port=url.port or 5432, DBUsername=url.username
        )
        parameters.setdefault("sslmode", "require")
