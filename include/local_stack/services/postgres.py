"""PostgreSQL: Airflow's metadata and the photos database, with one role per use; alone, or with a standby."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local_stack.endpoints import AIRFLOW_DATABASE, DATABASE, LOGIN_ROLES, OWNER_ROLE, PIPELINE_ROLE, database_url
from local_stack.errors import FailoverError, NotReadyError, PrepareError
from local_stack.service import Layer, Service
from local_stack.services import write_if_changed
from local_stack.services.postgres_copy import REPLICATION_ROLE, SIGNAL, copy_cluster
from local_stack.services.steps import run_step

if TYPE_CHECKING:
    from pathlib import Path

    from local_stack.services import Context

SUPERUSER = "postgres"
AIRFLOW_ROLE = "airflow"
NAME = "postgres"
STANDBY_NAME = "postgres-standby"
MAX_CONNECTIONS = 200
PROMOTION_SECONDS = 60
# It listens on loopback addresses alone. Tests reach those from network namespaces too, under addresses that RFC 2544
# sets aside for tests.
HBA = """\
host replication photo_replication 127.0.0.0/8 scram-sha-256
host all all 127.0.0.0/8 scram-sha-256
host all all 198.18.0.0/15 scram-sha-256
"""


TLS_FILES = ("server.crt", "server.key")


@dataclass(frozen=True, slots=True)
class Node:
    """One of the servers.

    Attributes:
        name: Of its service.
        host: Where it listens.
        cluster: Its data.
    """

    name: str
    host: str
    cluster: Path


def nodes(context: Context) -> list[Node]:
    """Return the servers, whichever of them is the primary now."""
    return [
        Node(name, host, context.layout.data / name / "17")
        for name, host in zip((NAME, STANDBY_NAME), context.settings.hosts, strict=False)
    ]


def names(context: Context) -> tuple[str, ...]:
    """Return the services that must be ready before anybody can commit."""
    return tuple(node.name for node in nodes(context))


def services(context: Context) -> list[Service]:
    """Return the server, or the primary and its standby."""
    return [_service(context, node) for node in nodes(context)]


def _service(context: Context, node: Node) -> Service:
    options = {
        "listen_addresses": node.host,
        "port": context.settings.ports("postgres"),
        "unix_socket_directories": "",
        "max_connections": MAX_CONNECTIONS,
        "shared_buffers": "128MB",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        # A machine that vanishes says no goodbye.
        "wal_sender_timeout": "10s",
        "wal_receiver_timeout": "10s",
        **_tls_options(context, node),
    }
    return Service(
        name=node.name,
        unit="postgres",
        title="PostgreSQL" if node.name == NAME else "PostgreSQL standby",
        layer=Layer.STORAGE,
        command=(
            str(context.installed("postgres") / "bin" / "postgres"),
            "-D",
            str(node.cluster),
            *(part for key, value in options.items() for part in ("-c", f"{key}={value}")),
        ),
        directory=node.cluster,
        environment={"HOME": str(node.cluster.parent)},
        ports={"postgres": context.settings.ports("postgres")},
        host=node.host,
        user=context.layout.service_user,
        needs=() if node == primary(context) else (primary(context).name,),
        download=context.download("postgres"),
        prepare=lambda: _prepare(context, node),
        probe=lambda: _probe(context, node),
        finish=lambda: _finish(context, node),
        stop_signal="INT",  # "fast": rolls clients back; TERM would wait until the last one leaves
    )


def _tls_options(context: Context, node: Node) -> dict[str, object]:
    if not context.settings.secure:
        return {}
    certificate, key = (node.cluster.parent / name for name in TLS_FILES)
    return {"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key}


def url(context: Context, role: str, database: str, scheme: str = "postgresql") -> str:
    """Return a database URL for a role, that leads to whichever server is the primary."""
    settings = context.settings
    return database_url(settings, role, context.credentials.password(role), database, scheme)


def primary(context: Context) -> Node:
    """Return the server that takes writes: the first, until a standby has been promoted."""
    servers = {node.name: node for node in nodes(context)}
    with suppress(FileNotFoundError):
        return servers[_primary_file(context).read_text()]
    return servers[NAME]


def promote_standby(context: Context) -> Node:
    """Make the standby the primary; whoever was that must not run any more. It comes back as the other's standby.

    Replication is synchronous, so nothing that was acknowledged is missing.

    Raises:
        FailoverError: The standby does not answer, or is none.
    """
    new = next((node for node in nodes(context) if node != primary(context)), None)
    if new is None:
        raise FailoverError("PostgreSQL has no standby here; start the stack with STACK=ha")
    try:
        with _connect(context, new.host) as connection:
            connection.execute("SELECT pg_promote(true, %s)", (PROMOTION_SECONDS,))
    except psycopg.Error as error:
        raise FailoverError(f"the standby of PostgreSQL cannot be promoted: {_last_line(error)}") from error
    _primary_file(context).write_text(new.name)
    return new


def _primary_file(context: Context) -> Path:
    return context.layout.data / "postgres-primary"


def _prepare(context: Context, node: Node) -> None:
    context.layout.check_readable(context.settings.cache, "PHOTO_CACHE")
    context.layout.make_owned(node.cluster.parent)
    leader = primary(context)
    if node == leader:
        if not node.cluster.exists():
            _create_cluster(context, node.cluster)
    elif not (node.cluster / SIGNAL).exists():  # new, or a primary that was given up: its log has gone another way
        try:
            with _connect(context, leader.host) as connection:
                copy_cluster(context, leader.cluster, node.cluster, leader.host, connection)
        except psycopg.Error as error:
            raise PrepareError("copying PostgreSQL's primary", _last_line(error)) from error
    hba = HBA.replace("host ", "hostssl ") if context.settings.secure else HBA
    write_if_changed(node.cluster / "pg_hba.conf", hba)
    if context.settings.secure:
        issued = context.authority.issue("postgres")
        for name, text in zip(TLS_FILES, (issued.certificate, issued.key), strict=True):
            context.layout.write_owned(node.cluster.parent / name, text)


def _create_cluster(context: Context, cluster: Path) -> None:
    program = context.installed("postgres") / "bin" / "initdb"
    folder = cluster.parent
    unfinished = folder / "17.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(context.credentials.password(SUPERUSER))
    if context.layout.service_user:
        shutil.chown(password_file, context.layout.service_user)
    command = [str(program), "-D", str(unfinished), f"--username={SUPERUSER}", f"--pwfile={password_file}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
    try:
        run_step("creating the PostgreSQL cluster", command, user=context.layout.service_user)
    finally:
        password_file.unlink()
    unfinished.rename(cluster)


def _connect(context: Context, host: str, database: str = SUPERUSER) -> psycopg.Connection:
    where = {
        "host": host,
        "port": str(context.settings.ports("postgres")),
        "user": SUPERUSER,
        "password": context.credentials.password(SUPERUSER),
        "dbname": database,
        "connect_timeout": "3",
        # Roles must be there before a standby can be, so this session waits for none.
        "options": "-c synchronous_commit=local",
        **context.settings.postgres_trust,
    }
    return psycopg.connect(make_conninfo(**where), autocommit=True)


def _probe(context: Context, node: Node) -> None:
    try:
        with _connect(context, node.host) as connection:
            state = connection.execute(
                "SELECT pg_is_in_recovery(), EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming')"
            ).fetchone()
    except psycopg.OperationalError as error:
        raise NotReadyError(_last_line(error)) from error
    if state == (True, False):
        raise NotReadyError("not connected to the primary")
    if state == (False, False) and node != primary(context):
        raise NotReadyError("takes writes, though another server is the primary")


def _finish(context: Context, node: Node) -> None:
    leader = primary(context)
    with _connect(context, leader.host) as connection:
        if node == leader:
            _create_roles_and_databases(context, connection)
        else:
            # Only now, or nobody could have committed anything before.
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")


def _create_roles_and_databases(context: Context, connection: psycopg.Connection) -> None:
    for role in (AIRFLOW_ROLE, OWNER_ROLE, *LOGIN_ROLES, REPLICATION_ROLE):
        _create_role(connection, role, context.credentials.password(role))
    connection.execute(sql.SQL("ALTER ROLE {} REPLICATION").format(sql.Identifier(REPLICATION_ROLE)))
    for database, owner in ((AIRFLOW_DATABASE, AIRFLOW_ROLE), (DATABASE, OWNER_ROLE)):
        _create_database(connection, database, owner)
    for role in LOGIN_ROLES:
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        connection.execute(grant.format(sql.Identifier(DATABASE), sql.Identifier(role)))
    # Whoever is on call sees which transaction holds the sync up, whoever's it is.
    connection.execute(sql.SQL("GRANT pg_read_all_stats TO {}").format(sql.Identifier(PIPELINE_ROLE)))


def _create_role(connection: psycopg.Connection, role: str, password: str) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    statement = "ALTER ROLE {} LOGIN PASSWORD {}" if exists else "CREATE ROLE {} LOGIN PASSWORD {}"
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(password)))


def _create_database(connection: psycopg.Connection, database: str, owner: str) -> None:
    name = sql.Identifier(database)
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))


def _last_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[-1]
