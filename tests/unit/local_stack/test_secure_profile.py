"""The secured profile: what its servers and clients are told, and that the plain stack is told none of it."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from sqlalchemy import make_url

from local_stack.programs import find_haproxy
from local_stack.services import airflow, balancer, elasticsearch, kafka, kafka_security, metrics, postgres
from local_stack.services.balancer import configuration
from local_stack.settings import REPOSITORY, load_settings
from local_stack.stack import all_services
from local_stack.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_stack.services import Context

    MakeContext = Callable[..., Context]

SECURE = load_settings({"STACK": "secure"})
TEST_OFFSET = 10_000


@pytest.fixture
def context(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Give the profile's context; HAProxy need not be installed for it."""
    monkeypatch.setattr(balancer, "find_haproxy", lambda: "/usr/sbin/haproxy")
    return make_context(instances=SECURE.instances, ports=SECURE.ports, secure=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Give an authority of the test's own."""
    made = Authority(tmp_path / "tls" / "ca.pem", tmp_path)
    made.make()
    return made


def test_its_state_and_ports_are_its_own() -> None:
    """It can run beside the plain stack, the highly available one and the tests'."""
    assert SECURE.home == REPOSITORY / ".local-secure"
    others = [load_settings({}), load_settings({"STACK": "ha"}), load_settings({}, port_offset=TEST_OFFSET)]
    theirs = {stack.ports(name, instance) for stack in others for name in stack.ports.numbers for instance in (1, 2, 3)}
    assert not theirs & set(SECURE.ports.numbers.values())


def test_a_broker_lets_nobody_in_unasked(context: Context) -> None:
    """Clients by TLS and SCRAM, controllers by certificates, and what no ACL allows is forbidden."""
    told = kafka.properties(context, 1, "kafka")
    assert "PLAINTEXT" not in str(told)
    assert told["listener.security.protocol.map"] == "SASL_SSL:SASL_SSL,CONTROLLER:SSL"
    assert told["listener.name.controller.ssl.client.auth"] == "required"
    assert str(told["authorizer.class.name"]).endswith("StandardAuthorizer")
    assert "allow.everyone.if.no.acl.found" not in told


def test_the_brokers_password_is_on_no_command_line(context: Context) -> None:
    """Anybody may list processes with their arguments."""
    (option,) = kafka_security.formatting_options(context, context.layout.config / "kafka")
    assert option.startswith("@")
    assert Path(option[1:]).stat().st_mode & 0o077 == 0
    password = context.credentials.password("kafka_kafka")
    assert password in Path(option[1:]).read_text()
    assert not [service for service in all_services(context) if any(password in part for part in service.command)]


def test_every_client_verifies(context: Context) -> None:
    """By URL, by a connection of Airflow as an operator types it, by a setting."""
    ca_file = str(context.settings.ca_file)
    endpoints = context.endpoints
    for url in (endpoints.database_url, endpoints.api_database_url, endpoints.bi_database_url):
        assert make_url(url).query == {"sslmode": "verify-full", "sslrootcert": ca_file}
    told = airflow.environment(context)
    assert make_url(told["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).query["sslmode"] == "verify-full"
    assert make_url(told["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"]).query == {"ssl": "verify-full"}
    assert told["PGSSLROOTCERT"] == ca_file
    connections = airflow.connections(context)
    assert connections["PHOTO_POSTGRES"]["extra"] == {"sslmode": "verify-full", "sslrootcert": ca_file}
    assert connections["PHOTO_ELASTICSEARCH"]["schema"] == "https"
    assert connections["PHOTO_ELASTICSEARCH"]["extra"] == {"ca_certs": ca_file}
    kafka_extra = connections["PHOTO_KAFKA"]["extra"]
    assert (kafka_extra["security.protocol"], kafka_extra["ssl.ca.location"]) == ("SASL_SSL", ca_file)
    assert metrics.environment(context)["PHOTO_METRICS_ELASTICSEARCH_CA_FILE"] == ca_file


def test_each_application_is_its_own_user_of_kafka(context: Context) -> None:
    """Who writes uploads cannot write for cameras, and who counts reads nothing."""
    users = {"PHOTO_KAFKA": airflow.connections(context)["PHOTO_KAFKA"]["extra"]["sasl.username"]}
    for service in all_services(context):
        if found := service.environment.get("PHOTO_KAFKA_CLIENT_CONFIG"):
            users[service.name] = json.loads(found)["sasl.username"]
    assert users == {
        "PHOTO_KAFKA": "photo-pipeline",
        "api": "photo-api",
        "stream": "photo-stream",
        "metrics": "photo-metrics",
    }


def test_unsigned_records_are_refused_there_alone(context: Context, make_context: MakeContext) -> None:
    """A laptop takes them, and knows the key all the same."""
    assert airflow.environment(context)["PHOTO_RECORDS_TAKE_UNSIGNED"] == "false"
    plain = airflow.environment(make_context())
    assert "PHOTO_RECORDS_TAKE_UNSIGNED" not in plain
    (key,) = json.loads(Path(plain["PHOTO_RECORDS_KEYS_FILE"]).read_text())["keys"]
    assert key.keys() >= {"kid", "x"}
    assert "d" not in key


def test_the_plain_stack_is_told_nothing_of_it(make_context: MakeContext) -> None:
    """It speaks as it did."""
    plain = make_context()
    assert plain.endpoints.api_url.startswith("http://")
    assert (plain.endpoints.ca_file, plain.endpoints.kafka_client_config) == ("", "{}")
    assert "ssl" not in str(kafka.properties(plain, 1, "kafka")).lower()
    assert not [service for service in postgres.services(plain) if "ssl=on" in service.command]
    assert elasticsearch.configuration(plain, Path("/x"))["xpack.security.http.ssl.enabled"] is False


def test_a_certificate_is_made_once(authority: Authority) -> None:
    """Servers read it while they run; another authority makes another."""
    first = authority.issue("kafka")
    authority.make()
    assert authority.issue("kafka") == first
    authority.ca_file.unlink()
    authority.make()
    assert authority.issue("kafka") != first


def test_a_certificate_is_for_loopback(authority: Authority) -> None:
    """A server is known by the address that clients have, and by its name to other servers."""
    found = x509.load_pem_x509_certificate(authority.issue("kafka").certificate.encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "127.0.0.2"]
    assert found.subject.rfc4514_string() == "CN=kafka"
    assert ssl.create_default_context(cafile=authority.ca_file).cert_store_stats()["x509_ca"] == 1


@pytest.mark.skipif(shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None, reason="no HAProxy")
def test_haproxy_takes_its_configuration(authority: Authority, tmp_path: Path) -> None:
    """HTTPS at both doors, and the applications are told so."""
    issued = authority.issue("balancer")
    (tmp_path / "server.pem").write_text(issued.certificate + issued.key)
    replicas, stream = {"api": "127.0.0.1:1"}, (2, {"stream": "127.0.0.1:3"})
    text = configuration(1, tmp_path / "socket", replicas, stream, tmp_path / "server.pem")
    assert text.count("ssl crt") == text.count("X-Forwarded-Proto https") == 2
    path = tmp_path / "haproxy.cfg"
    path.write_text(text)
    subprocess.run([find_haproxy(), "-c", "-f", str(path)], check=True, capture_output=True)  # noqa: S603 - it checks a file
