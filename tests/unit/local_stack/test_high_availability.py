"""The highly available profile: what it starts, and that it keeps to itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from local_stack.credentials import Credentials
from local_stack.errors import BalancerError, MissingProgramError, SettingsError
from local_stack.programs import find_haproxy
from local_stack.services import airflow, balancer, hdfs, kafka, postgres, web
from local_stack.services.balancer import BalancerControl, configuration
from local_stack.settings import HOST, REPOSITORY, Placement, load_settings
from local_stack.stack import all_services
from local_stack.supervision import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_stack.services import Context

    MakeContext = Callable[..., Context]

TEST_OFFSET = 10_000
HA = load_settings({"STACK": "ha"})


@pytest.fixture
def context(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Give the profile's context; HAProxy need not be installed for it."""
    monkeypatch.setattr(balancer, "find_haproxy", lambda: "/usr/sbin/haproxy")
    return make_context(instances=HA.instances, ports=HA.ports)


def test_its_state_and_ports_are_its_own(tmp_path: Path) -> None:
    """It can run beside the plain stack and the tests', and neither finds the other's data."""
    plain = load_settings({})
    assert HA.home == REPOSITORY / ".local-ha"
    assert load_settings({"STACK": "ha", "PHOTO_STACK_HOME": str(tmp_path / "x")}).home == tmp_path / "x-ha"
    tests = load_settings({}, port_offset=TEST_OFFSET)
    ours = {HA.ports(name, instance) for name in HA.ports.numbers for instance in (1, 2, 3)}
    assert not ours & {*plain.ports.numbers.values(), *tests.ports.numbers.values()}


def test_an_unknown_profile_is_named() -> None:
    """A misspelt one would start the plain stack."""
    with pytest.raises(SettingsError, match=r"STACK must be one of: ha, secure .* not 'hq'"):
        load_settings({"STACK": "hq"})


def test_three_of_each_and_two_behind_a_balancer(context: Context) -> None:
    """Brokers, DataNodes, replicas; clients know the balancer's address alone."""
    names = {service.name for service in all_services(context)}
    assert {"kafka-1", "kafka-2", "kafka-3", "datanode-1", "datanode-2", "datanode-3"} <= names
    assert {"api-1", "api-2", "stream-1", "stream-2", "stream-3", "balancer"} <= names
    assert context.endpoints.api_url == f"http://127.0.0.1:{HA.ports('balancer')}"
    assert context.endpoints.stream_url == f"http://127.0.0.1:{HA.ports('balancer_stream')}"
    assert context.endpoints.kafka_bootstrap_servers.count(",") == 2


def test_postgresql_and_the_namenode_have_a_standby(context: Context) -> None:
    """Every client knows both: by URL, by a connection of Airflow, by a name service."""
    names = {service.name for service in all_services(context)}
    assert {"postgres", "postgres-standby", "namenode", "namenode-standby", "journalnode-3", "namenode-keeper"} <= names
    url = make_url(context.endpoints.api_database_url)
    assert url.query == {
        "host": "127.0.0.1,127.0.0.2",
        "port": f"{HA.ports('postgres')},{HA.ports('postgres')}",
        "target_session_attrs": "read-write",
    }
    connections = airflow.connections(context)
    assert connections["PHOTO_POSTGRES"]["host"] == connections["PHOTO_HDFS"]["host"] == "127.0.0.1,127.0.0.2"
    assert connections["PHOTO_POSTGRES"]["extra"]["sqlalchemy_query"] == {"target_session_attrs": "read-write"}
    client = connections["PHOTO_HDFS"]["extra"]["client_config"]
    assert connections["PHOTO_HDFS"]["extra"]["namenode"] == f"hdfs://{client['dfs.nameservices']}"
    assert json.loads(web.environment(context)["PHOTO_HDFS_CLIENT_CONFIG"]) == client


def test_a_promoted_standby_is_the_primary_from_then_on(context: Context) -> None:
    """Also after a restart: the old primary must follow it, never come back as a second one."""
    assert postgres.primary(context).name == "postgres"
    context.layout.data.mkdir(parents=True, exist_ok=True)
    (context.layout.data / "postgres-primary").write_text("postgres-standby")
    first, second = postgres.services(context)
    assert (first.needs, second.needs) == (("postgres-standby",), ())


def test_a_service_may_have_a_network_of_its_own(make_context: MakeContext) -> None:
    """Its address is everybody's, and its command enters that network."""
    placed = Placement("198.18.0.2", ("nsenter", "--net=/x", "--"))
    context = make_context(instances=HA.instances, placements={"kafka-3": placed, "stream-1": placed})
    assert f"198.18.0.2:{context.settings.ports('kafka', 3)}" in context.endpoints.kafka_bootstrap_servers
    assert kafka.properties(context, 3, "kafka-3")["listeners"].startswith("PLAINTEXT://198.18.0.2:")  # type: ignore[attr-defined] # a text
    (service,) = [each for each in web.services(context) if each.name == "stream-1"]
    assert "--host 198.18.0.2" in " ".join(service.command)
    assert "command=nsenter --net=/x -- " in render([service], context.settings, context.layout)


def test_only_the_balancer_says_whom_a_request_comes_from(context: Context, make_context: MakeContext) -> None:
    """Where there is none, nobody's word is taken: not even that of a client on this machine."""
    assert web.environment(context)["FORWARDED_ALLOW_IPS"] == HOST
    assert web.environment(make_context())["FORWARDED_ALLOW_IPS"] == ""


def test_everything_is_kept_three_times(context: Context) -> None:
    """Topics of the platform and of Kafka itself, and blocks; two copies are enough to go on."""
    properties = kafka.properties(context, 1, "kafka-1")
    assert properties["default.replication.factor"] == properties["offsets.topic.replication.factor"] == 3
    assert properties["min.insync.replicas"] == 2
    variables = airflow.environment(context)
    assert variables["PHOTO_KAFKA_REPLICATION_FACTOR"] == "3"
    assert variables["PHOTO_KAFKA_MIN_INSYNC_REPLICAS"] == "2"
    assert hdfs.site(context, "namenode")["dfs.replication"] == 3
    extra = airflow.connections(context)["PHOTO_HDFS"]["extra"]
    assert extra["client_config"]["dfs.client.block.write.replace-datanode-on-failure.best-effort"] == "true"


def test_the_plain_stack_knows_nothing_of_it(make_context: MakeContext) -> None:
    """One of each, no balancer, no replication."""
    plain = make_context()
    assert "balancer" not in {service.name for service in all_services(plain)}
    assert "PHOTO_KAFKA_REPLICATION_FACTOR" not in airflow.environment(plain)
    assert "client_config" not in airflow.connections(plain)["PHOTO_HDFS"]["extra"]


def test_without_haproxy_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the command."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(MissingProgramError, match="apt-get install haproxy"):
        find_haproxy()


def test_the_balancers_configuration_is_valid(tmp_path: Path) -> None:
    """HAProxy itself says so."""
    try:
        program = find_haproxy()
    except MissingProgramError as error:
        pytest.skip(str(error))
    path = tmp_path / "haproxy.cfg"
    path.write_text(configuration(8010, tmp_path / "s.sock", {"api-1": "127.0.0.1:8000", "api-2": "127.0.0.1:8100"}))
    done = subprocess.run([program, "-c", "-f", str(path)], capture_output=True, text=True, check=False)  # noqa: S603 - HAProxy
    assert done.returncode == 0, done.stderr


def test_a_balancer_that_is_away_is_an_error(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(BalancerError, match="does not answer"):
        BalancerControl(tmp_path / "nothing.sock").drain("api-1", 1)


def test_services_that_are_prepared_together_share_a_secret(tmp_path: Path) -> None:
    """Three brokers ask for the cluster's id at once; with two ids they would be two clusters."""
    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(lambda _: Credentials(tmp_path).kafka_cluster_id(), range(64)))
    assert len(ids) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kafka.cluster_id"]
    assert (tmp_path / "kafka.cluster_id").stat().st_mode & 0o077 == 0
