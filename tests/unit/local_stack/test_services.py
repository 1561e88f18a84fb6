"""The services as values: what is started, with which configuration, for one instance and for several."""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import yaml

from local_stack.endpoints import LOGIN_ROLES, OWNER_ROLE
from local_stack.errors import PortTakenError, UnknownServiceError
from local_stack.service import Layer
from local_stack.services import airflow, elasticsearch, hdfs, kafka, web
from local_stack.settings import HOST
from local_stack.stack import SERVERS, all_services, check_ports, choose

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_stack.services import Context

    MakeContext = Callable[..., Context]

ONE = {"kafka": 1, "datanode": 1, "api": 1, "stream": 1}
THREE = dict.fromkeys(ONE, 3)


@pytest.mark.parametrize("instances", [ONE, THREE])
def test_names_and_ports_are_unique(make_context: MakeContext, instances: dict[str, int]) -> None:
    """However many instances there are, none takes another's name, log or port."""
    services = all_services(make_context(instances=instances))
    ports = Counter(port for service in services for port in service.ports.values())
    assert len({service.name for service in services}) == len(services)
    assert [port for port, count in ports.items() if count > 1] == []


def test_several_instances_are_a_matter_of_a_number(make_context: MakeContext) -> None:
    """Three brokers, DataNodes and applications come from ``instances`` alone."""
    names = {service.name for service in all_services(make_context(instances=THREE))}
    assert {"kafka-1", "kafka-3", "datanode-2", "api-3", "stream-1"} <= names


def test_every_need_is_a_service(make_context: MakeContext) -> None:
    """A misspelt need would be taken as met."""
    for instances in (ONE, THREE):
        services = all_services(make_context(instances=instances))
        assert {need for service in services for need in service.needs} <= {service.name for service in services}


def test_no_command_line_shows_a_password(make_context: MakeContext) -> None:
    """Any user of the machine may list processes with their arguments."""
    context = make_context()
    services = all_services(context)
    secrets = [path.read_text() for path in context.layout.secrets.iterdir() if path.suffix == ".password"]
    shown = " ".join(argument for service in services for argument in service.command)
    assert secrets
    assert not [secret for secret in secrets if secret in shown]


def test_everything_listens_on_loopback_only(make_context: MakeContext) -> None:
    """No generated address is any other than 127.0.0.1."""
    context = make_context()
    generated = [
        json.dumps(kafka.properties(context, 1, "kafka"), default=str),
        json.dumps(hdfs.site(context, "datanode"), default=str),
        json.dumps(elasticsearch.configuration(context, context.layout.data)),
        *(" ".join(service.command) for service in all_services(context)),
    ]
    addresses = {address for text in generated for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text)}
    assert addresses == {HOST}


def test_units_are_what_only_takes(make_context: MakeContext) -> None:
    """``hdfs`` is NameNode and DataNode, ``airflow`` its four processes; an unknown name lists the known ones."""
    services = all_services(make_context())
    assert {service.name for service in choose(services, ("hdfs",))} == {"namenode", "datanode"}
    assert len(choose(services, ("airflow",))) == 4
    assert {service.layer for service in choose(services, SERVERS)} == {Layer.STORAGE}
    assert choose(services, ()) == services
    with pytest.raises(UnknownServiceError, match=r"mongodb.*postgres, kafka"):
        choose(services, ("mongodb",))


@pytest.mark.parametrize("count", [1, 3])
def test_kafka_keeps_what_it_acknowledges(make_context: MakeContext, count: int) -> None:
    """As many replicas as there are brokers up to three, and writes need all but one of them.

    What only one needs to have is flushed to its disk first.
    """
    properties = kafka.properties(make_context(instances={**ONE, "kafka": count}), 1, "kafka")
    assert properties["default.replication.factor"] == count
    assert properties["min.insync.replicas"] == max(1, count - 1)
    assert properties.get("log.flush.interval.messages") == (1 if count == 1 else None)
    assert len(str(properties["controller.quorum.voters"]).split(",")) == count


def test_kafka_takes_the_largest_photo_on_every_hop_and_makes_no_topic_by_accident(make_context: MakeContext) -> None:
    """32 MiB of photo and its headers; a misspelt topic is an error; time is the broker's."""
    properties = kafka.properties(make_context(), 1, "kafka")
    assert properties["message.max.bytes"] == properties["replica.fetch.max.bytes"] == 33 * 1024 * 1024
    assert properties["auto.create.topics.enable"] == "false"
    assert properties["log.message.timestamp.type"] == "LogAppendTime"


def test_datanodes_flush_the_blocks_that_they_close(make_context: MakeContext) -> None:
    """A shard whose row is committed is on disk, each of its blocks."""
    assert hdfs.site(make_context(), "datanode")["dfs.datanode.synconclose"] == "true"


def test_hdfs_configuration_is_xml_with_every_property(make_context: MakeContext) -> None:
    """What Hadoop reads back is what was meant, special characters included."""
    site = {"a.b": "x & <y>", **hdfs.site(make_context(), "datanode")}
    root = ET.fromstring(hdfs.as_xml(site))  # noqa: S314 - generated a line above
    read = {node.findtext("name"): node.findtext("value") for node in root}
    assert read == {key: str(value) for key, value in site.items()}


def test_elasticsearch_roles_are_plain_yaml(make_context: MakeContext) -> None:
    """The roles file is cut at lines that begin with a name and resolves no anchors, so each role is one line."""
    assert make_context()
    text = elasticsearch.as_yaml(elasticsearch.ROLES)
    assert yaml.safe_load(text) == elasticsearch.ROLES
    assert len(text.splitlines()) == len(elasticsearch.ROLES)
    assert "&" not in text


def test_elasticsearch_accounts_reach_photos_only() -> None:
    """Neither the pipeline nor an analyst may touch another index; the analyst may not write."""
    for role in elasticsearch.ROLES.values():
        assert {name for entry in role["indices"] for name in entry["names"]} == {"photos*"}
    analyst = elasticsearch.ROLES["photo_analyst"]["indices"][0]["privileges"]
    assert set(analyst) == {"read", "view_index_metadata"}


def test_elasticsearch_does_not_turn_read_only_on_a_large_full_disk(make_context: MakeContext) -> None:
    """The limits are sizes, not parts of the disk."""
    configuration = elasticsearch.configuration(make_context(), make_context().layout.data)
    marks = [value for key, value in configuration.items() if "watermark" in key]
    assert len(marks) == 3
    assert not [mark for mark in marks if "%" in str(mark)]


def test_elasticsearch_hash_is_of_the_password(make_context: MakeContext) -> None:
    """Same password, same line; another password or user, another."""
    assert make_context()
    line = elasticsearch.password_hash("u", "p")
    assert line == elasticsearch.password_hash("u", "p")
    assert len({line, elasticsearch.password_hash("u", "q"), elasticsearch.password_hash("v", "p")}) == 3
    assert re.fullmatch(r"\{PBKDF2\}10000\$[\w+/]{43}=\$[\w+/]{43}=", line)


def test_airflow_gets_every_connection_with_its_own_role(make_context: MakeContext) -> None:
    """The ingest cannot act as the owner, the BI sync not as the ingest."""
    variables = airflow.environment(make_context())
    connections = {key: json.loads(value) for key, value in variables.items() if key.startswith("AIRFLOW_CONN_")}
    logins = {key.removeprefix("AIRFLOW_CONN_PHOTO_"): value.get("login") for key, value in connections.items()}
    assert logins == {
        "KAFKA": None,
        "POSTGRES": "photo_pipeline",
        "POSTGRES_OWNER": OWNER_ROLE,
        "POSTGRES_BI": "photo_bi",
        "HDFS": "somebody",
        "ELASTICSEARCH": "photo_sync",
    }


def test_airflow_has_no_default_secret(make_context: MakeContext) -> None:
    """Keys and passwords are this stack's own, and differ from each other."""
    variables = airflow.environment(make_context())
    names = ("CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET", "DATABASE__SQL_ALCHEMY_CONN")
    values = [variables[f"AIRFLOW__{name}"] for name in names]
    assert len(set(values)) == len(names)
    assert all(len(value) >= 43 for value in values)


def test_the_applications_log_in_as_the_api_role(make_context: MakeContext) -> None:
    """Neither application can write what only the pipeline may."""
    url = urlsplit(web.environment(make_context())["PHOTO_DATABASE_URL"])
    assert (url.scheme, url.username, url.path) == ("postgresql+psycopg", "photo_api", "/photos")


def test_processes_of_an_instance_share_their_metrics_with_no_other(make_context: MakeContext) -> None:
    """Each instance of the upload API has a folder of its own; the stream application stays one process."""
    context = make_context(instances=THREE)
    context = replace(context, settings=replace(context.settings, api_processes=2))
    found = {service.name: service.environment for service in web.services(context)}
    apis = {name: values for name, values in found.items() if name.startswith("api")}
    assert {values["WEB_CONCURRENCY"] for values in apis.values()} == {"2"}
    assert len({values["PROMETHEUS_MULTIPROC_DIR"] for values in apis.values()}) == len(apis) == 3
    assert not any("WEB_CONCURRENCY" in values for name, values in found.items() if name not in apis)
    alone = web.services(make_context())
    assert not any("WEB_CONCURRENCY" in service.environment for service in alone)


def test_endpoints_file_can_be_sourced(make_context: MakeContext) -> None:
    """Names and values as the Makefile's contract has them; closed to others, for it holds passwords."""
    context = make_context()
    context.endpoints.write(context.layout.endpoints)
    lines = context.layout.endpoints.read_text().splitlines()
    values: dict[str, Any] = dict(line.split("=", 1) for line in lines)
    promised = (
        "PHOTO_API_URL PHOTO_STREAM_URL AIRFLOW_URL AIRFLOW_USER AIRFLOW_PASSWORD KAFKA_BOOTSTRAP_SERVERS "
        "HDFS_NAMENODE WEBHDFS_URL PHOTO_DATABASE_URL ELASTICSEARCH_URL ELASTICSEARCH_USER ELASTICSEARCH_PASSWORD"
    )
    assert set(promised.split()) <= set(values)
    assert urlsplit(values["PHOTO_DATABASE_URL"]).username == OWNER_ROLE
    assert context.layout.endpoints.stat().st_mode & 0o777 == 0o600


def test_each_role_has_its_own_url(make_context: MakeContext) -> None:
    """Tests can act as any of them."""
    endpoints = make_context().endpoints
    urls = (endpoints.api_database_url, endpoints.pipeline_database_url, endpoints.bi_database_url)
    assert tuple(urlsplit(url).username for url in urls) == LOGIN_ROLES


def test_a_taken_port_is_named_with_its_service_and_variable(make_context: MakeContext) -> None:
    """The one line says what to change."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        context = make_context()
        numbers = {**context.settings.ports.numbers, "kafka": other.getsockname()[1]}
        moved = make_context(ports=type(context.settings.ports)(numbers))
        with pytest.raises(PortTakenError, match=rf"{numbers['kafka']} for Kafka .* PHOTO_PORT_KAFKA"):
            check_ports(kafka.services(moved))


def test_exporter_sees_figures_and_no_photo(make_context: MakeContext) -> None:
    """It logs in as the analysts' role, and serves where the endpoints say."""
    context = make_context()
    (service,) = [service for service in all_services(context) if service.unit == "metrics"]
    assert "//photo_bi:" in service.environment["PHOTO_DATABASE_URL"]
    assert set(service.needs) == {"postgres", "kafka"}
    port = service.environment["PHOTO_METRICS_PORT"]
    assert context.endpoints.metrics_url == f"http://{HOST}:{port}/metrics"
    assert service.ports == {"metrics": int(port)}
