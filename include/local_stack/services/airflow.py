"""Airflow's four processes, with their metadata on the stack's PostgreSQL and every setting in the environment."""

from __future__ import annotations

import importlib.metadata
import json
import os
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from local_stack.endpoints import (
    AIRFLOW_ADMIN,
    AIRFLOW_DATABASE,
    AIRFLOW_VIEWER,
    DATABASE,
    ELASTICSEARCH_SYNC,
    OWNER_ROLE,
)
from local_stack.errors import NotReadyError
from local_stack.kafka_access import PIPELINE, client_config
from local_stack.service import Layer, Service
from local_stack.services import base_environment, postgres
from local_stack.services.asking import ask
from local_stack.services.hdfs import client_options
from local_stack.services.kafka import replication
from local_stack.services.postgres import AIRFLOW_ROLE, url
from local_stack.services.steps import run_step
from local_stack.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_stack.services import Context

PROBE_SECONDS = 5
START_SECONDS = 300
# On a stop Airflow waits for its running tasks. Those can be killed anywhere and run again, so that need not take long.
STOP_SECONDS = 10
PARTITIONS = 2
# More tasks at once than a laptop has cores would only wait for each other.
PARALLELISM = 8
ORPHANS_SECONDS = 30
TASK_SILENCE_SECONDS = 60  # as long as a slice's lease
SECRET_BYTES = 64  # what HMAC with SHA-512 wants (RFC 7518, section 3.2)
# For connections of the provider's hook, and for its SQLAlchemy URL.
_TO_THE_PRIMARY = {
    "target_session_attrs": "read-write",
    "sqlalchemy_query": {"target_session_attrs": "read-write"},
}
_SILENCE = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15000}
PASSWORDS_FILE = "simple_auth_manager_passwords.json"
# Service name, title, arguments, name in the health report, name of its heartbeat there.
COMPONENTS = (
    ("airflow-api-server", "Airflow API server", ("api-server",), "metadatabase", ""),
    ("airflow-scheduler", "Airflow scheduler", ("scheduler", "--skip-serve-logs"), "scheduler", "scheduler"),
    ("airflow-dag-processor", "Airflow DAG processor", ("dag-processor",), "dag_processor", "dag_processor"),
    ("airflow-triggerer", "Airflow triggerer", ("triggerer", "--skip-serve-logs"), "triggerer", "triggerer"),
)


def services(context: Context) -> list[Service]:
    """Return the API server, scheduler, DAG processor and triggerer."""
    home = _Home(context)
    return [_component(context, home, *component) for component in COMPONENTS]


def _component(
    context: Context, home: _Home, name: str, title: str, arguments: tuple[str, ...], health: str, heartbeat: str
) -> Service:
    listens = name == "airflow-api-server"
    probe = _Probe(context.endpoints.airflow_url, health, heartbeat)

    def prepare() -> None:
        home.prepare()
        probe.begin()

    return Service(
        name=name,
        unit="airflow",
        title=title,
        layer=Layer.AIRFLOW,
        command=(str(context.settings.python), "-m", "airflow", *arguments),
        directory=context.layout.airflow_home,
        environment=environment(context),
        ports={"airflow": context.settings.ports("airflow")} if listens else {},
        needs=postgres.names(context),
        prepare=prepare,
        probe=probe,
        start_timeout=START_SECONDS,
        stop_timeout=STOP_SECONDS,
    )


def environment(context: Context) -> dict[str, str]:
    """Return Airflow's whole configuration as ``AIRFLOW__SECTION__KEY``, and the platform's connections."""
    settings, secrets = context.settings, context.credentials
    api = context.endpoints.airflow_url
    options = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(PARALLELISM),
        "CORE__DAGS_FOLDER": str(settings.repository / "dags"),
        "CORE__PLUGINS_FOLDER": str(settings.repository / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        # platform_start wakes them once the tables and topics are there that they rely on.
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "CORE__FERNET_KEY": secrets.fernet_key(),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{AIRFLOW_ADMIN}:admin,{AIRFLOW_VIEWER}:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(context.layout.secrets / PASSWORDS_FILE),
        "CORE__EXECUTION_API_SERVER_URL": f"{api}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": _metadata(context),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": url(context, AIRFLOW_ROLE, AIRFLOW_DATABASE, "postgresql+asyncpg"),
        "API__HOST": HOST,
        "API__PORT": str(settings.ports("airflow")),
        "API__WORKERS": "1",
        "API__BASE_URL": api,
        "API__SECRET_KEY": secrets.password("airflow_api_secret", SECRET_BYTES),
        "API_AUTH__JWT_SECRET": secrets.password("airflow_jwt_secret", SECRET_BYTES),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        # Tasks die with their scheduler here. Until they are known to be dead, no other runs may be active, and photos
        # wait. With the defaults that takes five minutes: a restarted scheduler looks for them at once, when its
        # predecessor still counts as alive, and then not for 300 s.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": str(ORPHANS_SECONDS),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(TASK_SILENCE_SECONDS),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "LOGGING__COLORED_CONSOLE_LOG": "False",
    }
    return {
        **base_environment(context),
        "AIRFLOW_HOME": str(context.layout.airflow_home),
        "PHOTO_PAGE_GALLERY_URL": context.endpoints.api_url,
        "PHOTO_PAGE_ARCHIVE_URL": f"{context.endpoints.webhdfs_url.partition(';')[0]}/explorer.html#",
        "PHOTO_AIRFLOW_METADATA_URL": _metadata(context),
        # Each partition with a backlog is a task of its own, and every task costs two cores a second of start-up.
        "PHOTO_KAFKA_PARTITIONS": str(PARTITIONS),
        "PHOTO_INGEST_WORKERS": str(settings.ingest_workers),
        # A laptop takes unsigned records, so that any producer can be tried; signatures are checked all the same.
        "PHOTO_RECORDS_KEYS_FILE": str(context.credentials.record_keys_file()),
        "PHOTO_ERASURE_KEY_FILE": str(context.credentials.erasure_key_file()),
        **_secured(context),
        **_topic_replication(context),
        **{f"AIRFLOW__{key}": value for key, value in options.items()},
        **{f"AIRFLOW_CONN_{key}": json.dumps(value) for key, value in connections(context).items()},
    }


def connections(context: Context) -> dict[str, dict[str, Any]]:
    """Return the connections of the platform's DAGs by upper-case id, in Airflow's JSON form."""
    ports, endpoints = context.settings.ports, context.endpoints
    return {
        "PHOTO_KAFKA": {
            "conn_type": "kafka",
            "extra": {
                "bootstrap.servers": endpoints.kafka_bootstrap_servers,
                **client_config(context.settings, context.credentials, PIPELINE),
            },
        },
        "PHOTO_POSTGRES": _postgres(context, "photo_pipeline"),
        "PHOTO_POSTGRES_OWNER": _postgres(context, OWNER_ROLE),
        "PHOTO_POSTGRES_BI": _postgres(context, "photo_bi"),
        "PHOTO_HDFS": {
            "conn_type": "webhdfs",
            "host": ",".join(context.settings.hosts),
            "port": ports("namenode_http"),
            "login": endpoints.hdfs_user,
            "extra": {
                "namenode": endpoints.hdfs_namenode,
                **({"client_config": options} if (options := client_options(context)) else {}),
            },
        },
        "PHOTO_ELASTICSEARCH": _elasticsearch(context, ELASTICSEARCH_SYNC),
    }


def _secured(context: Context) -> dict[str, str]:
    """Return what else is said where nobody is believed unasked: asyncpg takes the authority from nowhere else."""
    if not context.settings.secure:
        return {}
    return {"PHOTO_RECORDS_TAKE_UNSIGNED": "false", "PGSSLROOTCERT": str(context.settings.ca_file)}


def _metadata(context: Context) -> str:
    """A partition resets no connection, and Airflow's own have no time limit: the kernel gives a silent one up."""
    found = url(context, AIRFLOW_ROLE, AIRFLOW_DATABASE, "postgresql+psycopg2")
    return f"{found}{'&' if '?' in found else '?'}{urlencode(_SILENCE)}"


def _topic_replication(context: Context) -> dict[str, str]:
    """What ``platform_setup`` makes topics with; one broker is what it expects anyway."""
    replicas, in_sync = replication(context)
    if replicas == 1:
        return {}
    return {"PHOTO_KAFKA_REPLICATION_FACTOR": str(replicas), "PHOTO_KAFKA_MIN_INSYNC_REPLICAS": str(in_sync)}


def _postgres(context: Context, role: str) -> dict[str, Any]:
    return {
        "conn_type": "postgres",
        "host": ",".join(context.settings.hosts),
        "port": context.settings.ports("postgres"),
        "login": role,
        "password": context.credentials.password(role),
        "schema": DATABASE,
        **_postgres_extra(context),
    }


def _postgres_extra(context: Context) -> dict[str, Any]:
    if trust := context.settings.postgres_trust:
        return {"extra": trust}
    return {"extra": _TO_THE_PRIMARY} if len(context.settings.hosts) > 1 else {}


def _elasticsearch(context: Context, user: str) -> dict[str, Any]:
    return {
        "conn_type": "elasticsearch",
        "host": HOST,
        "port": context.settings.ports("elasticsearch"),
        "login": user,
        "password": context.credentials.password(user),
        **_elasticsearch_way(context),
    }


def _elasticsearch_way(context: Context) -> dict[str, Any]:
    if context.settings.ca_file is None:
        return {"schema": "http"}
    return {"schema": "https", "extra": {"ca_certs": str(context.settings.ca_file)}}


class _Home:
    """AIRFLOW_HOME and the metadata schema: made by whichever of the four processes starts first."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = Lock()

    def prepare(self) -> None:
        with self._lock:
            self._write_passwords()
            stamp = self._context.layout.airflow_home / f"migrated-{importlib.metadata.version('apache-airflow')}"
            if not stamp.exists():
                self._migrate()
                stamp.touch()

    def _write_passwords(self) -> None:
        endpoints = self._context.endpoints
        passwords: Mapping[str, str] = {
            endpoints.airflow_user: endpoints.airflow_password,
            endpoints.airflow_viewer_user: endpoints.airflow_viewer_password,
        }
        path = self._context.layout.secrets / PASSWORDS_FILE
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(passwords, file)

    def _migrate(self) -> None:
        command = [str(self._context.settings.python), "-m", "airflow", "db", "migrate"]
        variables = {**os.environ, **environment(self._context)}
        run_step("creating Airflow's metadata schema", command, environment=variables)


class _Probe:
    """Reads one component's part of Airflow's health report.

    A heartbeat from before the start belongs to an earlier process and counts for nothing.
    """

    def __init__(self, airflow_url: str, health: str, heartbeat: str) -> None:
        self._url = f"{airflow_url}/api/v2/monitor/health"
        self._health = health
        self._heartbeat = f"latest_{heartbeat}_heartbeat" if heartbeat else ""
        self._begun = datetime.min.replace(tzinfo=UTC)

    def begin(self) -> None:
        """Remember that the component is about to start."""
        self._begun = datetime.now(UTC)

    def __call__(self) -> None:
        answer = ask(self._url, PROBE_SECONDS)
        try:
            report = answer.json()[self._health]
        except (KeyError, ValueError) as error:
            raise NotReadyError(str(error)) from error
        if report["status"] != "healthy":
            raise NotReadyError(f"{self._health} is {report['status'] or 'unknown'}")
        if self._heartbeat and datetime.fromisoformat(report[self._heartbeat]) < self._begun:
            raise NotReadyError("no heartbeat yet")
