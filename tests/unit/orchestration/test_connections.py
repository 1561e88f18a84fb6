"""Connections as an operator types them, read through the providers' hooks."""

import gc
import json
from pathlib import Path

import pytest

from photo_pipeline.domain.errors import CertificateFileError, ServerUnavailableError, UnusableConnectionError
from photo_pipeline.orchestration.connections import (
    hdfs_settings,
    kafka_settings,
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
        ],
    )
    def test_what_cannot_be_used_is_named(
        self, extra: dict[str, object], problem: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In one line that names the connection."""
        kafka(monkeypatch, **extra)
        with pytest.raises(UnusableConnectionError, match=f"connection photo_kafka: .*{problem}"):
            kafka_settings()


class TestHdfs:
    """The provider's fields lead to WebHDFS, the extra to the native protocol."""

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
