"""Connections as an operator types them, read through the providers' hooks."""

import gc
import json
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

import pytest
from sqlalchemy import make_url

from photo_pipeline.domain.errors import CertificateFileError, ServerUnavailableError, UnusableConnectionError
from photo_pipeline.orchestration.connections import (
    POSTGRES,
    database_settings,
    hdfs_settings,
    kafka_settings,
    kibana_settings,
    search_access,
    webhdfs_client,
)

CALLBACK = "tests.support.connections.token_of"


def typed(monkeypatch: pytest.MonkeyPatch, name: str, connection: str | dict[str, object]) -> None:
    """Give Airflow a connection: as a URI, or in the JSON form."""
    value = connection if isinstance(connection, str) else json.dumps(connection)
    monkeypatch.setenv(f"AIRFLOW_CONN_PHOTO_{name}", value)


def kafka(monkeypatch: pytest.MonkeyPatch, **extra: object) -> None:
    """A Kafka connection."""
    typed(monkeypatch, "KAFKA", {"conn_type": "kafka", "extra": extra})


class TestKafka:
    """The extra is librdkafka's configuration."""

    def test_values_arrive_as_librdkafka_reads_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Numbers and booleans are words there; the group is the pipeline's own."""
        kafka(
            monkeypatch,
            **{"bootstrap.servers": "k:9093", "group.id": "x", "enable.ssl.certificate.verification": False, "a": 5},
        )
        settings = kafka_settings()
        assert settings.bootstrap_servers == "k:9093"
        assert settings.client_config == {"enable.ssl.certificate.verification": "false", "a": "5"}

    def test_a_callback_is_resolved_where_airflow_allows_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As the provider documents: by its path, from a list in Airflow's configuration."""
        monkeypatch.setenv("AIRFLOW__APACHE_KAFKA__CALLBACK_ALLOWLIST", CALLBACK)
        kafka(monkeypatch, **{"bootstrap.servers": "k:9093", "oauth_cb": CALLBACK})
        assert kafka_settings().client_config["oauth_cb"]("config") == ("token of config", 60.0)

    @pytest.mark.parametrize(
        ("extra", "problem"),
        [
            ({}, r"bootstrap\.servers.* must be provided"),
            ({"bootstrap.servers": "k:9093", "oauth_cb": "os.system"}, "Refusing to resolve Kafka callback"),
            ({"bootstrap.servers": ["k:9093", "l:9093"]}, 'must be one text, such as "HOST:PORT,HOST:PORT"'),
            ({"bootstrap.servers": 9093}, r"bootstrap\.servers must be one text"),
            ({"bootstrap.servers": "k:9093", "client_config": {"a": "b"}}, "client_config must be a text, a number"),
            ({"bootstrap.servers": "k:9093", "sasl.username": None}, r"sasl\.username must be a text, a number"),
            (["bootstrap.servers"], "its extra must be an object of JSON"),
        ],
    )
    def test_what_cannot_be_used_is_named(self, extra: object, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """In one line that names the connection."""
        typed(monkeypatch, "KAFKA", {"conn_type": "kafka", "extra": extra})
        with pytest.raises(UnusableConnectionError, match=f"connection photo_kafka: .*{problem}"):
            kafka_settings()


class TestPostgres:
    """The address is the provider's, and so is what the extra says to libpq."""

    ADDRESS: ClassVar = {"conn_type": "postgres", "host": "db", "port": 5432, "schema": "photos", "login": "p"}

    @pytest.mark.parametrize("form", ["json", "uri"])
    def test_whom_to_trust_is_not_forgotten(self, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """As the provider documents: ``sslmode`` and the like stand in the extra."""
        extra = {"sslmode": "verify-full", "sslrootcert": "/rds.pem", "cursor": "dictcursor"}
        uri = f"postgresql://p@db:5432/photos?{urlencode(extra)}"
        typed(monkeypatch, "POSTGRES", uri if form == "uri" else {**self.ADDRESS, "extra": extra})
        url = make_url(database_settings(POSTGRES).url.get_secret_value())
        assert (url.host, url.port, url.database, url.username) == ("db", 5432, "photos", "p")
        assert url.query == {"sslmode": "verify-full", "sslrootcert": "/rds.pem"}

    def test_a_token_is_made_by_whoever_connects(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not while settings are read: the hook's own needs an AWS connection, and is stale after 15 minutes."""
        extra = {"iam": True, "region_name": "eu-west-1", "sslmode": "verify-full"}
        typed(monkeypatch, "POSTGRES", {**self.ADDRESS, "extra": extra})
        settings = database_settings(POSTGRES)
        assert settings.iam_region == "eu-west-1"
        assert settings.url.get_secret_value() == "postgresql+psycopg://p@db:5432/photos?sslmode=verify-full"

    def test_a_word_for_no_means_no(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A URI has words only."""
        typed(monkeypatch, "POSTGRES", "postgresql://p@db:5432/photos?iam=false")
        assert database_settings(POSTGRES).iam_region is None

    @pytest.mark.parametrize(
        ("extra", "problem"),
        [
            ({"sslmod": "require"}, 'invalid connection option "sslmod"'),
            ({"options": {"a": 1}}, "options must be a text"),
            ({"iam": "perhaps"}, "iam must be true or false"),
        ],
    )
    def test_what_cannot_be_used_is_named(
        self, extra: dict[str, object], problem: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In one line that names the connection."""
        typed(monkeypatch, "POSTGRES", {**self.ADDRESS, "extra": extra})
        with pytest.raises(UnusableConnectionError, match=f"connection photo_postgres: {problem}"):
            database_settings(POSTGRES)


class TestKibana:
    """No provider reads it."""

    def test_a_word_for_no_means_no(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A URI has words only."""
        typed(monkeypatch, "KIBANA", "http://l:p@kibana:5601/?manage_role=false")
        settings = kibana_settings()
        assert settings is not None
        assert not settings.manage_role

    def test_a_connection_without_host_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody is asked at "None"."""
        typed(monkeypatch, "KIBANA", {"conn_type": "http", "port": 5601})
        with pytest.raises(UnusableConnectionError, match="photo_kibana: it needs a host and a port"):
            kibana_settings()


class TestHdfs:
    """The provider's fields lead to WebHDFS, the extra to the native protocol."""

    @pytest.mark.parametrize("config", [{"a.b": True, "c": 3}, '{"a.b": true, "c": 3}'])
    def test_options_of_the_client_are_words(self, config: object, monkeypatch: pytest.MonkeyPatch) -> None:
        """As Hadoop reads them; in a URI they are JSON."""
        extra = {"namenode": "hdfs://namenode:8020", "client_config": config}
        typed(monkeypatch, "HDFS", {"conn_type": "webhdfs", "extra": extra})
        assert hdfs_settings().client_config == {"a.b": "true", "c": "3"}

    @pytest.mark.parametrize(
        ("extra", "problem"),
        [
            ({"namenode": ["hdfs://a", "hdfs://b"]}, 'its extra needs "namenode"'),
            ({"namenode": "hdfs://a", "client_config": "a=b"}, "client_config is no JSON"),
            ({"namenode": "hdfs://a", "client_config": ["a"]}, "client_config must be an object of JSON"),
            ({"namenode": "hdfs://a", "client_config": {"a": {}}}, "a must be a text, a number or a boolean"),
        ],
    )
    def test_what_cannot_be_used_is_named(
        self, extra: dict[str, object], problem: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In one line that names the connection."""
        typed(monkeypatch, "HDFS", {"conn_type": "webhdfs", "extra": extra})
        with pytest.raises(UnusableConnectionError, match=f"connection photo_hdfs: {problem}"):
            hdfs_settings()

    def test_an_address_without_the_native_one_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The provider has no field for it, so it is forgotten first."""
        typed(monkeypatch, "HDFS", "webhdfs://hadoop@namenode:9870")
        with pytest.raises(UnusableConnectionError, match='photo_hdfs: its extra needs "namenode"'):
            hdfs_settings()

    def test_the_native_address_stands_in_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also in a URI."""
        typed(monkeypatch, "HDFS", "webhdfs://hadoop@namenode:9870/?namenode=hdfs%3A%2F%2Fnamenode%3A8020")
        assert hdfs_settings().namenode == "hdfs://namenode:8020"
        assert hdfs_settings().client_config == {}

    def test_a_connection_without_host_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Before anything is asked."""
        typed(monkeypatch, "HDFS", {"conn_type": "webhdfs", "extra": {"namenode": "hdfs://namenode:8020"}})
        with pytest.raises(UnusableConnectionError, match="photo_hdfs: it needs the host and port"):
            webhdfs_client()

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_name_nodes_that_are_away_are_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each of the list is tried. The provider's hook leaves the sockets of those that did not answer to Python."""
        address = {"host": "127.0.0.1,localhost", "port": 9, "login": "hadoop"}
        typed(monkeypatch, "HDFS", {"conn_type": "webhdfs", **address})
        with pytest.raises(ServerUnavailableError, match=r"HDFS does not answer: WebHDFS at 127\.0\.0\.1,localhost:9"):
            webhdfs_client()
        gc.collect()


class TestElasticsearch:
    """The client is the provider's."""

    def test_fields_and_extras_are_the_providers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Scheme from the schema, log-in, and what else the extra says to the client; with our time limits."""
        extra = {"http_compress": True, "verify_certs": False, "ssl_show_warn": False}
        address = {"host": "es", "port": 9200, "schema": "https", "login": "photo_sync", "password": "p"}
        typed(monkeypatch, "ELASTICSEARCH", {"conn_type": "elasticsearch", **address, "extra": extra})
        access = search_access()
        with access.connect() as client:
            (node,) = client.transport.node_pool.all()
            assert node.base_url == "https://es:9200"
            assert node.config.http_compress
            assert not node.config.verify_certs
            assert client._request_timeout == 30
        assert access.alias == "photos"

    def test_whom_to_trust_is_named_where_it_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """``ca_certs`` is a file of authorities."""
        extra = {"ca_certs": "/nowhere/ca.crt"}
        address = {"host": "es", "port": 9200, "schema": "https"}
        typed(monkeypatch, "ELASTICSEARCH", {"conn_type": "elasticsearch", **address, "extra": extra})
        with pytest.raises(CertificateFileError, match=r"no certificates in /nowhere/ca\.crt"):
            search_access().connect()

    def test_an_extra_that_the_client_does_not_know_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In one line that names the connection."""
        extra = {"ca_cert": str(Path(__file__))}
        address = {"host": "es", "port": 9200}
        typed(monkeypatch, "ELASTICSEARCH", {"conn_type": "elasticsearch", **address, "extra": extra})
        with pytest.raises(UnusableConnectionError, match=r"connection photo_elasticsearch: .*ca_cert"):
            search_access().connect()
