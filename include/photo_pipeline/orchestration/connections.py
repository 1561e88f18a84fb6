"""Airflow connections, each read through its provider's hook, inside tasks and triggers only: parsing asks no server.

So what Airflow documents of a connection's fields holds here too, and its button ``Test`` tests what is used.
"""

from pathlib import Path
from typing import Any

from airflow.providers.apache.hdfs.hooks.webhdfs import WebHDFSHook
from airflow.providers.apache.kafka.hooks.client import KafkaAdminClientHook
from airflow.providers.elasticsearch.hooks.elasticsearch import ElasticsearchSQLHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from elasticsearch import Elasticsearch
from hdfs import Client
from pydantic import SecretStr

from photo_pipeline.composition.pipeline import PipelineSettings
from photo_pipeline.composition.search import SearchAccess, access_by
from photo_pipeline.domain.errors import CertificateFileError, ServerUnavailableError, UnusableConnectionError
from photo_pipeline.settings import DatabaseSettings, HdfsSettings, KafkaSettings, KibanaSettings, SearchSettings

KAFKA = "photo_kafka"
POSTGRES = "photo_postgres"
POSTGRES_OWNER = "photo_postgres_owner"
POSTGRES_BI = "photo_postgres_bi"
HDFS = "photo_hdfs"
ELASTICSEARCH = "photo_elasticsearch"
KIBANA = "photo_kibana"
"""The only one that may be missing: where there is no Kibana, there are no dashboards."""


def pipeline_settings() -> PipelineSettings:
    """Kafka, the database under the pipeline's role, and HDFS."""
    return PipelineSettings(kafka=kafka_settings(), database=database_settings(POSTGRES), hdfs=hdfs_settings())


class _KafkaConfiguration(KafkaAdminClientHook):
    """Gives what the provider's clients are made with, and makes none.

    The provider resolves callbacks and makes tokens for managed Kafka. The clients are this product's own, since their
    durability and time limits are not an operator's to choose (ADR 0174).
    """

    def _get_client(self, config: dict[str, Any]) -> dict[str, Any]:
        return config


def kafka_settings() -> KafkaSettings:
    """The connection's extra, which the provider defines as librdkafka's own settings.

    Raises:
        UnusableConnectionError: when it names no server, or a callback that Airflow's configuration does not allow.
    """
    try:
        config = dict(_KafkaConfiguration(kafka_config_id=KAFKA).get_conn)
    except ValueError as error:
        raise UnusableConnectionError(KAFKA, str(error)) from error
    servers = config.pop("bootstrap.servers")
    config.pop("group.id", None)
    client_config = {name: value if callable(value) else _text(value) for name, value in config.items()}
    return KafkaSettings(bootstrap_servers=servers, client_config=client_config)


def database_settings(connection_id: str) -> DatabaseSettings:
    """Through the PostgreSQL provider's hook; with ``iam`` in the extra, tokens are made for each new connection."""
    hook = PostgresHook(postgres_conn_id=connection_id)
    extra = hook.connection.extra_dejson
    region = str(extra.get("region_name", "")) if extra.pop("iam", False) else None
    url = hook.sqlalchemy_url.render_as_string(hide_password=False)
    return DatabaseSettings(url=SecretStr(url), iam_region=region)


def hdfs_settings() -> HdfsSettings:
    """How to reach HDFS over its own protocol: address and options stand in the WebHDFS connection's extra.

    Raises:
        UnusableConnectionError: when the extra names no NameNode.
    """
    extra: dict[str, Any] = BaseHook.get_connection(HDFS).extra_dejson
    if not extra.get("namenode"):
        raise UnusableConnectionError(HDFS, 'its extra needs "namenode": "hdfs://HOST:PORT" for the native protocol')
    return HdfsSettings(namenode=extra["namenode"], client_config=extra.get("client_config") or {})


def webhdfs_client() -> Client:
    """WebHDFS at the NameNode that is active, with the TLS, log-in and Kerberos that the provider's hook knows.

    Raises:
        UnusableConnectionError: when the connection names no host or port.
        ServerUnavailableError: when none of the NameNodes answers.
    """
    connection = BaseHook.get_connection(HDFS)
    if not connection.host or not connection.port:
        raise UnusableConnectionError(HDFS, "it needs the host and port of the NameNodes' web servers")
    try:
        return WebHDFSHook(webhdfs_conn_id=HDFS).get_conn()
    except (AirflowException, OSError) as error:  # what requests raises is an OSError
        raise ServerUnavailableError("HDFS", f"WebHDFS at {connection.host}:{connection.port}: {error}") from error


def search_access() -> SearchAccess:
    """Elasticsearch's client as the provider's hook makes it from the connection, and the alias of our indices."""
    return access_by(_elasticsearch, SearchSettings().alias)


def _elasticsearch() -> Elasticsearch:
    hook = ElasticsearchSQLHook(elasticsearch_conn_id=ELASTICSEARCH)
    ca_file = hook.connection.extra_dejson.get("ca_certs")
    if ca_file and not Path(ca_file).is_file():
        raise CertificateFileError(Path(ca_file), "there is no such file")
    try:
        client: Elasticsearch = hook.get_conn().es
    except (TypeError, ValueError, OSError) as error:
        raise UnusableConnectionError(ELASTICSEARCH, str(error)) from error
    return client


def kibana_settings() -> KibanaSettings | None:
    """Address and account of Kibana, if there is one; the extra may hold ``ca_certs`` and ``manage_role``."""
    try:
        connection = BaseHook.get_connection(KIBANA)
    except AirflowNotFoundException:
        return None
    return KibanaSettings(
        url=_url(connection),
        user=connection.login or "",
        password=SecretStr(connection.password or ""),
        ca_file=_ca_file(connection),
        manage_role=bool(connection.extra_dejson.get("manage_role", True)),
    )


def _text(value: object) -> str:
    """As librdkafka reads it: its booleans are lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _url(connection: Connection) -> str:
    scheme = str(connection.extra_dejson.get("scheme") or connection.schema or "http")
    return f"{scheme}://{connection.host}:{connection.port}"


def _ca_file(connection: Connection) -> Path | None:
    path = connection.extra_dejson.get("ca_certs")
    return Path(path) if path else None
