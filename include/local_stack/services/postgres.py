"""PostgreSQL: Airflow's metadata and the photos database, with one role per use."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from local_stack.endpoints import AIRFLOW_DATABASE, DATABASE, LOGIN_ROLES, OWNER_ROLE, PIPELINE_ROLE
from local_stack.errors import NotReadyError
from local_stack.service import Layer, Service
from local_stack.services.steps import run_step
from local_stack.settings import HOST

if TYPE_CHECKING:
    from pathlib import Path

    from local_stack.services import Context

SUPERUSER = "postgres"
AIRFLOW_ROLE = "airflow"
MAX_CONNECTIONS = 200


def services(context: Context) -> list[Service]:
    """Return the one PostgreSQL server."""
    cluster = context.layout.data / "postgres" / "17"
    options = {
        "listen_addresses": HOST,
        "port": context.settings.ports("postgres"),
        "unix_socket_directories": "",
        "max_connections": MAX_CONNECTIONS,
        "shared_buffers": "128MB",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }
    return [
        Service(
            name="postgres",
            unit="postgres",
            title="PostgreSQL",
            layer=Layer.STORAGE,
            command=(
                str(context.installed("postgres") / "bin" / "postgres"),
                "-D",
                str(cluster),
                *(part for key, value in options.items() for part in ("-c", f"{key}={value}")),
            ),
            directory=cluster,
            environment={"HOME": str(cluster.parent)},
            ports={"postgres": context.settings.ports("postgres")},
            user=context.layout.service_user,
            download=context.download("postgres"),
            prepare=lambda: _prepare(context, cluster),
            probe=lambda: _probe(context),
            finish=lambda: _create_roles_and_databases(context),
            stop_signal="INT",  # "fast": rolls clients back; TERM would wait until the last one leaves
        )
    ]


def url(context: Context, role: str, database: str, scheme: str = "postgresql") -> str:
    """Return a database URL for a role."""
    password = context.credentials.password(role)
    return f"{scheme}://{role}:{password}@{HOST}:{context.settings.ports('postgres')}/{database}"


def _prepare(context: Context, cluster: Path) -> None:
    program = context.installed("postgres") / "bin" / "initdb"
    context.layout.check_readable(context.settings.cache, "PHOTO_CACHE")
    folder = context.layout.make_owned(cluster.parent)
    if cluster.exists():
        return
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


def _connect(context: Context, database: str) -> psycopg.Connection:
    return psycopg.connect(url(context, SUPERUSER, database), connect_timeout=3, autocommit=True)


def _probe(context: Context) -> None:
    try:
        with _connect(context, SUPERUSER) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        raise NotReadyError(str(error).strip().splitlines()[-1]) from error


def _create_roles_and_databases(context: Context) -> None:
    with _connect(context, SUPERUSER) as connection:
        for role in (AIRFLOW_ROLE, OWNER_ROLE, *LOGIN_ROLES):
            _create_role(connection, role, context.credentials.password(role))
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
