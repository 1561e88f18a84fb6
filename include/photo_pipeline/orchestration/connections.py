"""Airflow connections as settings, read inside tasks and triggers only: parsing a DAG file asks no server."""

from typing import Any

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import BaseHook, Connection
from pydantic import SecretStr

from photo_pipeline.composition import PipelineSettings
from photo_pipeline.settings import DatabaseSettings, ElasticsearchSettings, HdfsSettings, KafkaSettings

KAFKA = "photo_kafka"
POSTGRES = "photo_postgres"
POSTGRES_OWNER = "photo_postgres_owner"
POSTGRES_BI = "photo_postgres_bi"
HDFS = "photo_hdfs"
ELASTICSEARCH = "photo_elasticsearch"


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
    """Address and account of the search index."""
    connection = BaseHook.get_connection(ELASTICSEARCH)
    return ElasticsearchSettings(
        url=f"{_scheme(connection)}://{connection.host}:{connection.port}",
        user=connection.login or "",
        password=SecretStr(connection.password or ""),
    )


def _scheme(connection: Connection) -> str:
    return str(connection.extra_dejson.get("scheme") or connection.schema or "http")
