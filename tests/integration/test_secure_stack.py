"""``STACK=secure``: who cannot show who they are is let in nowhere, and who can does what is theirs alone."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.support.databases import as_settings
from tests.support.images import encoded, scene
from tests.support.stacks import secure_stack
from tests.support.turns import one_at_a_time

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from local_stack.kafka_access import API, METRICS, PIPELINE, PRODUCER, STREAM, client_config
from local_stack.progress import ConsoleProgress
from local_stack.tls import Authority
from photo_pipeline.adapters.kafka.topics import KafkaTopics
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.settings import KafkaSettings, TopicNames

UNITS = ("postgres", "kafka", "api", "stream", "balancer")
SECONDS = 15.0
TOPICS = TopicNames()


class Secured:
    """A running secured stack: log-ins of every user, and other people's."""

    def __init__(self, stack: Stack, endpoints: Endpoints) -> None:
        self.settings = stack.settings
        self.endpoints = endpoints
        self.credentials = Credentials(stack.settings.home / "secrets")

    def kafka(self, user: str) -> dict[str, str]:
        """What a client of Kafka is made with."""
        servers = {"bootstrap.servers": self.endpoints.kafka_bootstrap_servers}
        return servers | client_config(self.settings, self.credentials, user)

    def database(self, role: str, database: str = "photos", **other: str) -> str:
        """How a role reaches PostgreSQL, with something said otherwise."""
        said = {
            "host": "127.0.0.1",
            "port": str(self.settings.ports("postgres")),
            "user": role,
            "password": self.credentials.password(role),
            "dbname": database,
            "sslmode": "verify-full",
            "sslrootcert": self.endpoints.ca_file,
        }
        return make_conninfo(**(said | other))

    @property
    def trusted(self) -> ssl.SSLContext:
        """A client that was given the stack's authority."""
        return ssl.create_default_context(cafile=self.endpoints.ca_file)


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    """Give a secured Kafka, PostgreSQL and both web applications; the topics are made under the pipeline's user."""
    settings = secure_stack()
    stack = Stack(settings, ConsoleProgress())
    with one_at_a_time(settings.home.with_name(".local-test") / "secured.lock"):
        stack.down()
        try:
            given = Secured(stack, stack.up(UNITS, setup=False))
            _set_up(given)
            yield given
        finally:
            stack.clean()


def _set_up(secured: Secured) -> None:
    engine = make_engine(as_settings(secured.endpoints.database_url), "tests")
    upgrade(engine)
    engine.dispose()
    config: dict[str, Any] = secured.kafka(PIPELINE)
    servers = config.pop("bootstrap.servers")
    KafkaTopics(KafkaSettings(bootstrap_servers=servers, client_config=config)).ensure(TOPICS)


@pytest.fixture
def strangers_ca(tmp_path: Path) -> str:
    """Give an authority of somebody else's."""
    authority = Authority(tmp_path / "ca.pem", tmp_path)
    authority.make()
    return str(authority.ca_file)


def failure_of_writing(config: dict[str, str], topic: str) -> KafkaError | None:
    """Why Kafka did not take a record, by a client that does not wait for long."""
    errors: list[KafkaError] = []
    reports: list[KafkaError | None] = []
    quiet = {"log_level": 0, "message.timeout.ms": int(SECONDS * 1000), "error_cb": errors.append}
    producer = Producer(config | quiet)
    producer.produce(topic, b"value", on_delivery=lambda error, _: reports.append(error))
    deadline = time.monotonic() + SECONDS
    while not reports and not _is_final(errors) and time.monotonic() < deadline:
        producer.poll(0.2)
    producer.purge()
    final = [error for error in errors if _is_final([error])]
    return final[0] if final else reports[0]


def _is_final(errors: list[KafkaError]) -> bool:
    return any(error.code() in {KafkaError._AUTHENTICATION, KafkaError._SSL} for error in errors)


def failure_of_reading(config: dict[str, str], topic: str, group: str) -> KafkaError | None:
    """Why Kafka gave nothing of a topic; that it refuses the group, too, may be heard before."""
    consumer = Consumer(config | {"group.id": group, "enable.partition.eof": True, "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        answers = (consumer.poll(SECONDS) for _ in range(5))
        error = next(each.error() for each in answers if each is not None and not _is_of_group(each.error()))
    finally:
        consumer.close()
    return None if error is None or error.code() == KafkaError._PARTITION_EOF else error


def _is_of_group(error: KafkaError | None) -> bool:
    return error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


class TestKafka:
    """Kafka asks who is there, and what they may."""

    @pytest.mark.parametrize(
        ("user", "topic"),
        [
            (API, TOPICS.streamed),
            (STREAM, TOPICS.uploaded),
            (METRICS, TOPICS.uploaded),
            (PRODUCER, TOPICS.uploaded),
            (PRODUCER, TOPICS.processed),
            (PRODUCER, TOPICS.rejected),
        ],
    )
    def test_a_producer_without_rights(self, secured: Secured, user: str, topic: str) -> None:
        """A user writes to their own topic, and to no other."""
        error = failure_of_writing(secured.kafka(user), topic)
        assert error is not None
        assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED

    @pytest.mark.parametrize(
        ("user", "topic"),
        [(API, TOPICS.uploaded), (STREAM, TOPICS.streamed), (PRODUCER, TOPICS.streamed), (PIPELINE, TOPICS.rejected)],
    )
    def test_a_producer_with_rights(self, secured: Secured, user: str, topic: str) -> None:
        """And there it goes through."""
        assert failure_of_writing(secured.kafka(user), topic) is None

    @pytest.mark.parametrize(
        ("user", "topic"), [(API, TOPICS.uploaded), (METRICS, TOPICS.uploaded), (PRODUCER, TOPICS.streamed)]
    )
    def test_a_reader_without_rights(self, secured: Secured, user: str, topic: str) -> None:
        """Whoever writes photos, or counts them, sees nobody's."""
        error = failure_of_reading(secured.kafka(user), topic, "demo")
        assert error is not None
        assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED

    def test_a_reader_with_rights(self, secured: Secured) -> None:
        """The pipeline does, under its own group."""
        assert failure_of_reading(secured.kafka(PIPELINE), TOPICS.streamed, "photo_ingest") is None

    def test_a_wrong_password(self, secured: Secured) -> None:
        """Nobody is let in by a name."""
        error = failure_of_writing(secured.kafka(API) | {"sasl.password": "wrong"}, TOPICS.uploaded)
        assert error is not None
        assert error.code() == KafkaError._AUTHENTICATION

    @pytest.mark.parametrize("said", [{"security.protocol": "PLAINTEXT"}, {"security.protocol": "SASL_PLAINTEXT"}])
    def test_a_client_without_tls(self, secured: Secured, said: dict[str, str]) -> None:
        """A password that is right is not heard in the open."""
        config: dict[str, Any] = secured.kafka(API) | said | {"socket.timeout.ms": 2000, "log_level": 0}
        with pytest.raises(KafkaException):
            AdminClient(config).list_topics(timeout=3)

    def test_a_client_that_trusts_others(self, secured: Secured, strangers_ca: str) -> None:
        """And no password is said to a server that somebody else has vouched for."""
        error = failure_of_writing(secured.kafka(API) | {"ssl.ca.location": strangers_ca}, TOPICS.uploaded)
        assert error is not None
        assert error.code() == KafkaError._SSL

    def test_the_controllers_know_each_other_alone(self, secured: Secured) -> None:
        """Without a certificate of this stack's nobody is heard there, who could have made themselves a user."""
        address = ("127.0.0.1", secured.settings.ports("kafka_controller"))
        with pytest.raises(OSError, match=r"(?i)certificate"):
            _speak(address, secured.trusted)


def _speak(address: tuple[str, int], trusted: ssl.SSLContext) -> None:
    plain = socket.create_connection(address, SECONDS)
    with trusted.wrap_socket(plain, server_hostname=address[0]) as line:
        line.sendall(b"\0\0\0\12\0\22\0\0\0\0\0\1\377\377")
        line.recv(1)


OUTSIDE = {
    "photo_api": (
        "SELECT 1 FROM slice",
        "UPDATE photo SET filename = 'x'",
        "DELETE FROM customer",
        "UPDATE customer SET email = 'x'",
        "UPDATE device SET public_key = NULL",
        "CREATE TABLE mine ()",
    ),
    "photo_pipeline": (
        "SELECT password_hash FROM customer",
        "SELECT email FROM customer",
        "SELECT name FROM device",
        "INSERT INTO device (device_id) VALUES (gen_random_uuid())",
        "UPDATE device SET revoked_at = NULL",
        "DROP TABLE photo",
    ),
    "photo_bi": ("SELECT 1 FROM customer", "SELECT 1 FROM device", "SELECT 1 FROM photo", "SELECT 1 FROM slice"),
    "photo_owner": ("CREATE ROLE another", "COPY (SELECT 1) TO '/tmp/x'"),
}


class TestPostgres:
    """PostgreSQL as well."""

    @pytest.mark.parametrize(("role", "statement"), [(role, each) for role, all_ in OUTSIDE.items() for each in all_])
    def test_a_role_outside_its_rights(self, secured: Secured, role: str, statement: str) -> None:
        """Each role reaches the tables and columns that it needs."""
        with psycopg.connect(secured.database(role)) as connection:
            encrypted = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
            assert encrypted == (True,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL(statement))

    @pytest.mark.parametrize(
        ("role", "database"),
        [("airflow", "photos"), ("photo_api", "airflow"), ("photo_pipeline", "airflow"), ("photo_bi", "airflow")],
    )
    def test_another_database(self, secured: Secured, role: str, database: str) -> None:
        """Airflow's own and the photos' are apart."""
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(secured.database(role, database))

    def test_a_role_within_its_rights(self, secured: Secured) -> None:
        """And within them they work."""
        for role, table in (("photo_api", "customer"), ("photo_pipeline", "slice"), ("photo_bi", "bi_outcome")):
            with psycopg.connect(secured.database(role)) as connection:
                connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))

    @pytest.mark.parametrize(
        ("said", "refused"),
        [
            ({"sslmode": "disable"}, "no encryption"),
            ({"password": "wrong"}, "password authentication failed"),
            (
                {"user": "photo_stranger"},
                "password authentication failed",
            ),
        ],
    )
    def test_a_client_that_is_refused(self, secured: Secured, said: dict[str, str], refused: str) -> None:
        """In the open, with a wrong password, or with no role at all."""
        with pytest.raises(psycopg.OperationalError, match=refused):
            psycopg.connect(secured.database("photo_api", **said))

    def test_a_client_that_trusts_others(self, secured: Secured, strangers_ca: str) -> None:
        """No password is said to a server that somebody else has vouched for."""
        with pytest.raises(psycopg.OperationalError, match="SSL error"):
            psycopg.connect(secured.database("photo_api", sslrootcert=strangers_ca))


class TestBalancer:
    """People come by HTTPS."""

    def test_a_photo_goes_through(self, secured: Secured) -> None:
        """Signed up, logged in with a cookie for HTTPS alone, and on Kafka, signed by the platform."""
        with httpx.Client(base_url=secured.endpoints.api_url, verify=secured.trusted, timeout=60) as client:
            account = {"email": f"{uuid4()}@example.org", "password": str(uuid4())}
            made = client.post("/api/v1/customers", json=account | {"display_name": "Ada"})
            assert made.status_code == 201, made.text
            session = client.post("/api/v1/session", json=account)
            cookie = session.headers["Set-Cookie"]
            assert cookie.startswith("__Host-")
            assert "; secure" in cookie.lower()
            bearer = {"Authorization": f"Bearer {session.json()['access_token']}"}
            photo = encoded(scene(64, 48, uuid4().int), SniffedFormat.JPEG)
            sent = client.post("/api/v1/photos", files={"files": ("a.jpg", photo)}, headers=bearer)
            assert sent.status_code == 202, sent.text
        (receipt,) = sent.json()["receipts"]
        with _at(secured, receipt) as consumer:
            message = consumer.poll(SECONDS)
        assert message is not None
        assert message.value() == photo
        assert "ce_proof" in dict(message.headers() or [])

    def test_the_stream_application_answers_there_too(self, secured: Secured) -> None:
        """Cameras come by HTTPS as well."""
        answer = httpx.get(f"{secured.endpoints.stream_url}/healthz", verify=secured.trusted)
        assert answer.status_code == 200

    def test_a_client_without_tls(self, secured: Secured) -> None:
        """In the open nothing is answered."""
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{secured.endpoints.api_url.replace('https', 'http')}/healthz").raise_for_status()

    def test_a_client_that_trusts_others(self, secured: Secured, strangers_ca: str) -> None:
        """Another authority's certificate would be another server's."""
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(secured.endpoints.api_url, verify=ssl.create_default_context(cafile=strangers_ca))


def test_what_is_secret_is_the_owners_alone(secured: Secured) -> None:
    """Keys and passwords are closed to other users; the authority's certificate is open, and its key is not."""
    home = secured.settings.home
    secret = [*(home / "secrets").iterdir(), *(home / "config" / "kafka").iterdir(), home / "endpoints.env"]
    secret += [home / "config" / "balancer" / "server.pem", home / "config" / "commands.properties"]
    assert {path.name for path in secret} >= {"authority.key", "kafka.key", "server.properties", "server.pem"}
    assert [path for path in secret if path.is_file() and path.stat().st_mode & 0o077] == []
    assert Path(secured.endpoints.ca_file).stat().st_mode & 0o777 == 0o644


@contextmanager
def _at(secured: Secured, receipt: dict[str, Any]) -> Iterator[Consumer]:
    consumer = Consumer(secured.kafka(PIPELINE) | {"group.id": "photo_ingest"})
    consumer.assign([TopicPartition(receipt["topic"], receipt["partition"], receipt["offset"])])
    try:
        yield consumer
    finally:
        consumer.close()
