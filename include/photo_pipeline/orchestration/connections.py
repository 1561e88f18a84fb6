"""Airflow connections, each read through its provider's hook, inside tasks and triggers only: parsing asks no server.

So what Airflow documents of a connection's fields holds here too, and its button ``Test`` tests what is used.
"""

import json
from collections.abc import Mapping
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
from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
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
    typed = _extra(KAFKA)
    if not isinstance(typed.get("bootstrap.servers", ""), str):
        raise UnusableConnectionError(KAFKA, 'bootstrap.servers must be one text, such as "HOST:PORT,HOST:PORT"')
    try:
        config = dict(_KafkaConfiguration(kafka_config_id=KAFKA).get_conn)
    except ValueError as error:
        raise UnusableConnectionError(KAFKA, str(error)) from error
    servers = config.pop("bootstrap.servers")
    config.pop("group.id", None)
    return KafkaSettings(bootstrap_servers=servers, client_config=_options(KAFKA, config))


def database_settings(connection_id: str) -> DatabaseSettings:
    """Through the PostgreSQL provider's hook; what else the extra says, as ``sslmode``, is libpq's.

    With ``iam`` in the extra, tokens are made for each new connection. The hook would make one, and that at once.

    Raises:
        UnusableConnectionError: when the extra names what libpq does not know.
    """
    connection = BaseHook.get_connection(connection_id)
    extra = _extra(connection_id)
    iam, region = _flag(connection_id, extra, "iam", default=False), str(extra.get("region_name") or "")
    connection.extra = json.dumps({name: value for name, value in extra.items() if name not in {"iam", "region_name"}})
    hook = PostgresHook(postgres_conn_id=connection_id, connection=connection)
    known = {name: value for name, value in _extra(connection).items() if name not in hook.ignored_extra_options}
    options = _options(connection_id, known)
    try:
        make_conninfo(**options)
    except ProgrammingError as error:
        raise UnusableConnectionError(connection_id, str(error).strip()) from error
    url = hook.sqlalchemy_url.update_query_dict(options).render_as_string(hide_password=False)
    return DatabaseSettings(url=SecretStr(url), iam_region=region if iam else None)


def hdfs_settings() -> HdfsSettings:
    """How to reach HDFS over its own protocol: address and options stand in the WebHDFS connection's extra.

    Raises:
        UnusableConnectionError: when the extra names no NameNode.
    """
    extra = _extra(HDFS)
    namenode = extra.get("namenode")
    if not namenode or not isinstance(namenode, str):
        raise UnusableConnectionError(HDFS, 'its extra needs "namenode": "hdfs://HOST:PORT" for the native protocol')
    client_config = _object(HDFS, "client_config", extra.get("client_config") or {})
    return HdfsSettings(namenode=namenode, client_config=_options(HDFS, client_config))


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
    if not hook.connection.host:
        raise UnusableConnectionError(ELASTICSEARCH, "it needs a host")
    ca_file = _ca_file(hook.connection)
    if ca_file and not ca_file.is_file():
        raise CertificateFileError(ca_file, "there is no such file")
    try:
        client: Elasticsearch = hook.get_conn().es
    except (TypeError, ValueError, OSError) as error:
        raise UnusableConnectionError(ELASTICSEARCH, str(error)) from error
    return client


def kibana_settings() -> KibanaSettings | None:
    """Address and account of Kibana, if there is one.

    The extra may hold ``ca_certs``, ``manage_role``, and the addresses ``photos_page``, ``gallery`` and ``photo``.
    """
    try:
        connection = BaseHook.get_connection(KIBANA)
    except AirflowNotFoundException:
        return None
    return KibanaSettings(
        url=_url(connection),
        user=connection.login or "",
        password=SecretStr(connection.password or ""),
        ca_file=_ca_file(connection),
        manage_role=_flag(KIBANA, _extra(connection), "manage_role", default=True),
        **{name: _address(name, _extra(connection).get(name)) for name in ("photos_page", "gallery", "photo")},
    )


def _address(name: str, value: object) -> str | None:
    """An address of the web that somebody may click on; none where it is empty or missing."""
    if not value:
        return None
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise UnusableConnectionError(KIBANA, f"{name} must begin with http:// or https://, not {value!r}")
    return value


def _extra(connection: Connection | str) -> dict[str, Any]:
    """What the connection's extra holds; a copy."""
    if isinstance(connection, str):
        connection = BaseHook.get_connection(connection)
    return _object(connection.conn_id, "its extra", connection.extra_dejson)


def _object(connection_id: str, name: str, value: object) -> dict[str, Any]:
    """An object of JSON; in a URI it is a text that holds one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise UnusableConnectionError(connection_id, f"{name} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnusableConnectionError(connection_id, f'{name} must be an object of JSON, {{"name": "value"}}')
    return dict(value)


def _options(connection_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a client as words: its booleans are lower case. Callables stay what they are."""
    for name, value in values.items():
        if not (callable(value) or isinstance(value, str | int | float)):
            raise UnusableConnectionError(connection_id, f"{name} must be a text, a number or a boolean")
    return {name: str(value).lower() if isinstance(value, bool) else _word(value) for name, value in values.items()}


def _word(value: Any) -> Any:
    return value if callable(value) else str(value)


def _flag(connection_id: str, extra: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """A boolean; in a URI it is a word."""
    found = {"true": True, "1": True, "false": False, "0": False}.get(str(extra.get(name, default)).lower())
    if found is None:
        raise UnusableConnectionError(connection_id, f"{name} must be true or false")
    return found


def _url(connection: Connection) -> str:
    if not connection.host or not connection.port:
        raise UnusableConnectionError(connection.conn_id, "it needs a host and a port")
    scheme = str(_extra(connection).get("scheme") or connection.schema or "http")
    return f"{scheme}://{connection.host}:{connection.port}"


def _ca_file(connection: Connection) -> Path | None:
    path = _extra(connection).get("ca_certs")
    if not isinstance(path, str | None):
        raise UnusableConnectionError(connection.conn_id, "ca_certs must be the path of a file")
    return Path(path) if path else None
