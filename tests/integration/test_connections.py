"""Connections to the real servers, typed as an operator would, through the providers' hooks."""

from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from airflow.providers.apache.kafka.hooks.client import KafkaAdminClientHook
from airflow.providers.postgres.hooks.postgres import PostgresHook

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.composition import setup
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.orchestration import connections, setup_tasks


@pytest.fixture
def typed(searched_stack: Endpoints, test_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Endpoints:
    """Every connection as a URI."""
    password = Credentials(test_stack.settings.home / "secrets").password("photo_pipeline")
    hdfs = searched_stack.webhdfs_url.replace("http://", f"webhdfs://{searched_stack.hdfs_user}@")
    search = searched_stack.elasticsearch_url.partition("://")[2]
    monkeypatch.setenv("AIRFLOW_CONN_PHOTO_HDFS", f"{hdfs}/?namenode={quote(searched_stack.hdfs_namenode, safe='')}")
    monkeypatch.setenv(
        "AIRFLOW_CONN_PHOTO_KAFKA", f"kafka://?bootstrap.servers={quote(searched_stack.kafka_bootstrap_servers)}"
    )
    monkeypatch.setenv(
        "AIRFLOW_CONN_PHOTO_POSTGRES",
        f"postgres://photo_pipeline:{password}@127.0.0.1:{test_stack.settings.ports('postgres')}/photos",
    )
    monkeypatch.setenv(
        "AIRFLOW_CONN_PHOTO_ELASTICSEARCH",
        f"elasticsearch://{searched_stack.elasticsearch_sync_user}:{searched_stack.elasticsearch_sync_password}@{search}/http",
    )
    return searched_stack


def test_airflows_own_test_of_each_connection_passes(typed: Endpoints) -> None:
    """The button tests what the platform uses."""
    for hook in (KafkaAdminClientHook(connections.KAFKA), PostgresHook(connections.POSTGRES)):
        assert hook.test_connection()[0], hook
    assert connections.webhdfs_client().status("/")["type"] == "DIRECTORY"
    with connections.search_access().connect() as client:
        assert client.cluster.health()["status"] in {"green", "yellow"}


def test_set_up_makes_the_folders_through_the_hook(typed: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """And they belong to the account of the connection."""
    root = f"/test-{uuid4().hex}"
    monkeypatch.setenv("PHOTO_HDFS_ROOT", root)
    setup_tasks.folders()
    setup_tasks.folders()
    client = connections.webhdfs_client()
    assert sorted(client.list(root)) == ["_staging", "archive", "held"]
    assert client.status(f"{root}/archive")["owner"] == typed.hdfs_user
    client.delete(root, recursive=True)


def test_a_client_of_ours_keeps_its_limits(typed: Endpoints) -> None:
    """The topics are asked with the hook's configuration and this product's time limits."""
    assert setup.topics(connections.kafka_settings()).describe(["no-such-topic"]) == {}


def test_what_hdfs_refuses_is_one_line(typed: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another account may not make folders at the root."""
    address = httpx.URL(typed.webhdfs_url)
    uri = f"webhdfs://stranger@{address.host}:{address.port}/?namenode={quote(typed.hdfs_namenode, safe='')}"
    monkeypatch.setenv("AIRFLOW_CONN_PHOTO_HDFS", uri)
    monkeypatch.setenv("PHOTO_HDFS_ROOT", "/strangers")
    with pytest.raises(ServerUnavailableError, match="Permission denied: user=stranger") as caught:
        setup_tasks.folders()
    assert "\n" not in str(caught.value)
