"""Airflow connections as settings, read inside tasks and triggers only: parsing a DAG file asks no server."""

from pathlib import Path
from typing import Any

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from pydantic import SecretStr

from photo_pipeline.composition.pipeline import PipelineSettings
from photo_pipeline.settings import DatabaseSettings, ElasticsearchSettings, HdfsSettings, KafkaSettings, KibanaSettings

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


def kafka_settings() -> KafkaSettings:
    """From the connection's extra, which the Kafka provider defines as librdkafka's own settings."""
    config = {name: str(value) for name, value in BaseHook.get_connection(KAFKA).extra_dejson.items()}
    servers = config.pop("bootstrap.servers")
    config.pop("group.id", None)
    return KafkaSettings(bootstrap_servers=servers, client_config=config)


def database_settings(connection_id: str) -> DatabaseSettings:
    """Through the PostgreSQL provider's hook; with ``iam`` in the extra, tokens are made for each new connection."""
    hook = PostgresHook(postgres_conn_id=connection_id)
    extra = hook.connection.extra_dejson
    region = str(extra.get("region_name", "")) if extra.pop("iam", False) else None
    url = hook.sqlalchemy_url.render_as_string(hide_password=False)
    return DatabaseSettings(url=SecretStr(url), iam_region=region)


def hdfs_settings() -> HdfsSettings:
    """The native client's address and options stand in the WebHDFS connection's extra."""
    extra: dict[str, Any] = BaseHook.get_connection(HDFS).extra_dejson
    return HdfsSettings(namenode=extra["namenode"], client_config=extra.get("client_config", {}))


def elasticsearch_settings() -> ElasticsearchSettings:
    """Address and account of the search index; ``ca_certs`` in the extra names a file of authorities to trust."""
    connection = BaseHook.get_connection(ELASTICSEARCH)
    return ElasticsearchSettings(
        url=_url(connection),
        user=connection.login or "",
        password=SecretStr(connection.password or ""),
        ca_file=_ca_file(connection),
    )


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


def _url(connection: Connection) -> str:
    scheme = str(connection.extra_dejson.get("scheme") or connection.schema or "http")
    return f"{scheme}://{connection.host}:{connection.port}"


def _ca_file(connection: Connection) -> Path | None:
    path = connection.extra_dejson.get("ca_certs")
    return Path(path) if path else None
