"""Where everything listens and who may log in: what a client of the stack has to know."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from local_stack.kafka_access import PRODUCER, client_config
from local_stack.settings import HOST

if TYPE_CHECKING:
    from pathlib import Path

    from local_stack.credentials import Credentials
    from local_stack.settings import StackSettings

DATABASE = "photos"
AIRFLOW_DATABASE = "airflow"
OWNER_ROLE = "photo_owner"
PIPELINE_ROLE = "photo_pipeline"
LOGIN_ROLES = ("photo_api", PIPELINE_ROLE, "photo_bi")
ELASTICSEARCH_ADMIN = "photo_admin"
ELASTICSEARCH_SYNC = "photo_sync"
ELASTICSEARCH_ANALYST = "photo_analyst"
NAME_SERVICE = "photos"
AIRFLOW_ADMIN = "admin"
AIRFLOW_VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses and log-ins of one stack; URLs have no slash at the end.

    Attributes:
        api_url: Upload API and gallery.
        stream_url: Stream application.
        metrics_url: The platform's own metrics, for Prometheus.
        airflow_url: Airflow's UI and REST API.
        airflow_user: Airflow administrator.
        airflow_password: Its password.
        airflow_viewer_user: Somebody who may only look.
        airflow_viewer_password: Its password.
        kafka_bootstrap_servers: ``host:port``, comma separated.
        hdfs_namenode: ``hdfs://host:port``, or ``hdfs://`` and a name service, for the native client.
        webhdfs_url: ``http://host:port`` of the NameNode; of two, with a semicolon between, as ``hdfs`` takes them.
        hdfs_user: Who the clients claim to be; owner of everything on HDFS.
        database_url: libpq URL of the photos database as its owner, who sees all tables.
        api_database_url: The same database as ``photo_api``.
        pipeline_database_url: The same database as ``photo_pipeline``.
        bi_database_url: The same database as ``photo_bi``.
        elasticsearch_url: HTTP address.
        elasticsearch_user: Administrator.
        elasticsearch_password: Its password.
        elasticsearch_sync_user: The pipeline: owns ``photos*`` and index templates, no more.
        elasticsearch_sync_password: Its password.
        elasticsearch_analyst_user: May read ``photos*``, no more.
        elasticsearch_analyst_password: Its password.
        signing_key_file: Ed25519 key (JWK) that signs receipts and session tokens.
        ca_file: Whose certificates to trust, in a secured stack; empty elsewhere.
        kafka_client_config: As JSON, librdkafka's settings for a producer of one's own; an empty object elsewhere.
    """

    api_url: str
    stream_url: str
    metrics_url: str
    airflow_url: str
    airflow_user: str
    airflow_password: str
    airflow_viewer_user: str
    airflow_viewer_password: str
    kafka_bootstrap_servers: str
    hdfs_namenode: str
    webhdfs_url: str
    hdfs_user: str
    database_url: str
    api_database_url: str
    pipeline_database_url: str
    bi_database_url: str
    elasticsearch_url: str
    elasticsearch_user: str
    elasticsearch_password: str
    elasticsearch_sync_user: str
    elasticsearch_sync_password: str
    elasticsearch_analyst_user: str
    elasticsearch_analyst_password: str
    signing_key_file: str
    ca_file: str = ""
    kafka_client_config: str = "{}"

    def as_environment(self) -> dict[str, str]:
        """Return the variables of ``endpoints.env``."""
        return {
            "PHOTO_API_URL": self.api_url,
            "PHOTO_STREAM_URL": self.stream_url,
            "PHOTO_METRICS_URL": self.metrics_url,
            "AIRFLOW_URL": self.airflow_url,
            "AIRFLOW_USER": self.airflow_user,
            "AIRFLOW_PASSWORD": self.airflow_password,
            "AIRFLOW_VIEWER_USER": self.airflow_viewer_user,
            "AIRFLOW_VIEWER_PASSWORD": self.airflow_viewer_password,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "HDFS_NAMENODE": self.hdfs_namenode,
            "WEBHDFS_URL": self.webhdfs_url,
            "HADOOP_USER_NAME": self.hdfs_user,
            "PHOTO_DATABASE_URL": self.database_url,
            "PHOTO_API_DATABASE_URL": self.api_database_url,
            "PHOTO_PIPELINE_DATABASE_URL": self.pipeline_database_url,
            "PHOTO_BI_DATABASE_URL": self.bi_database_url,
            "ELASTICSEARCH_URL": self.elasticsearch_url,
            "ELASTICSEARCH_USER": self.elasticsearch_user,
            "ELASTICSEARCH_PASSWORD": self.elasticsearch_password,
            "ELASTICSEARCH_SYNC_USER": self.elasticsearch_sync_user,
            "ELASTICSEARCH_SYNC_PASSWORD": self.elasticsearch_sync_password,
            "ELASTICSEARCH_ANALYST_USER": self.elasticsearch_analyst_user,
            "ELASTICSEARCH_ANALYST_PASSWORD": self.elasticsearch_analyst_password,
            "PHOTO_SIGNING_KEY_FILE": self.signing_key_file,
            "PHOTO_CA_FILE": self.ca_file,
            "KAFKA_CLIENT_CONFIG": self.kafka_client_config,
        }

    def write(self, path: Path) -> None:
        """Write the file that a shell can source; it holds passwords, so it is the owner's only."""
        text = "".join(f"{key}={shlex.quote(value)}\n" for key, value in self.as_environment().items())
        temporary = path.with_suffix(f".{os.getpid()}.new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        temporary.replace(path)


def database_url(settings: StackSettings, role: str, password: str, database: str, scheme: str = "postgresql") -> str:
    """Return where a role finds a database: a URL that libpq and SQLAlchemy read alike.

    With a standby it names both servers, of which a client takes the one that it can write to.
    """
    port, hosts = settings.ports("postgres"), settings.hosts
    if len(hosts) == 1:
        trust = _trust(settings, scheme)
        return f"{scheme}://{role}:{password}@{hosts[0]}:{port}/{database}{f'?{urlencode(trust)}' if trust else ''}"
    ways = f"host={','.join(hosts)}&port={','.join(str(port) for _ in hosts)}"
    return f"{scheme}://{role}:{password}@/{database}?{ways}&target_session_attrs=read-write"


def _trust(settings: StackSettings, scheme: str) -> dict[str, str]:
    """Whose certificate PostgreSQL has to show. asyncpg takes the file from the environment alone."""
    if settings.secure and scheme.endswith("+asyncpg"):
        return {"ssl": "verify-full"}
    return settings.postgres_trust


def endpoints_of(settings: StackSettings, credentials: Credentials) -> Endpoints:
    """Return the endpoints of a stack; makes the passwords that do not exist yet."""
    port = settings.ports

    def database(role: str) -> str:
        return database_url(settings, role, credentials.password(role), DATABASE)

    count = settings.instances["kafka"]
    names = ["kafka"] if count == 1 else [f"kafka-{number}" for number in range(1, count + 1)]
    brokers = [f"{settings.host_of(name)}:{port('kafka', number)}" for number, name in enumerate(names, start=1)]
    web = "https" if settings.secure else "http"
    return Endpoints(
        api_url=f"{web}://{HOST}:{port('balancer' if settings.instances.get('balancer') else 'api')}",
        metrics_url=f"http://{HOST}:{port('metrics')}/metrics",
        stream_url=f"{web}://{HOST}:{port('balancer_stream' if settings.instances.get('balancer') else 'stream')}",
        airflow_url=f"http://{HOST}:{port('airflow')}",
        airflow_user=AIRFLOW_ADMIN,
        airflow_password=credentials.password(f"airflow_{AIRFLOW_ADMIN}"),
        airflow_viewer_user=AIRFLOW_VIEWER,
        airflow_viewer_password=credentials.password(f"airflow_{AIRFLOW_VIEWER}"),
        kafka_bootstrap_servers=",".join(brokers),
        hdfs_namenode=f"hdfs://{NAME_SERVICE}"
        if settings.instances.get("standby")
        else f"hdfs://{HOST}:{port('namenode')}",
        webhdfs_url=";".join(f"http://{host}:{port('namenode_http')}" for host in settings.hosts),
        hdfs_user=settings.user,
        database_url=database(OWNER_ROLE),
        api_database_url=database("photo_api"),
        pipeline_database_url=database("photo_pipeline"),
        bi_database_url=database("photo_bi"),
        elasticsearch_url=f"{web}://{HOST}:{port('elasticsearch')}",
        elasticsearch_user=ELASTICSEARCH_ADMIN,
        elasticsearch_password=credentials.password(ELASTICSEARCH_ADMIN),
        elasticsearch_sync_user=ELASTICSEARCH_SYNC,
        elasticsearch_sync_password=credentials.password(ELASTICSEARCH_SYNC),
        elasticsearch_analyst_user=ELASTICSEARCH_ANALYST,
        elasticsearch_analyst_password=credentials.password(ELASTICSEARCH_ANALYST),
        signing_key_file=str(credentials.signing_key_file()),
        ca_file=str(settings.ca_file or ""),
        kafka_client_config=json.dumps(client_config(settings, credentials, PRODUCER)),
    )
