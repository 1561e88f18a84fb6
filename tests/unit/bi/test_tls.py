"""Elasticsearch and Kibana behind a certificate of one's own authority, over real TLS."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from photo_pipeline.adapters.search.client import make_client, server_errors
from photo_pipeline.adapters.search.kibana import KibanaServer
from photo_pipeline.bi.kibana.access import SPACE
from photo_pipeline.domain.dashboards import SpaceChange
from photo_pipeline.domain.errors import CertificateFileError, ServerUnavailableError
from photo_pipeline.settings import ElasticsearchSettings, KibanaSettings

PASSWORD = SecretStr("-")
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Secured:
    """A server, and the file that says to trust it."""

    url: str
    ca_file: Path


class _Handler(BaseHTTPRequestHandler):
    """Says yes to everything, as Elasticsearch and as Kibana."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep quiet."""

    def do_HEAD(self) -> None:
        """There is an alias."""
        self.send_response(200)
        self.send_header("x-elastic-product", "Elasticsearch")
        self.end_headers()

    def do_GET(self) -> None:
        """There is a space."""
        self.send_response(200)
        self.end_headers()
        text = f'{{"id": "{SPACE.identifier}", "name": "{SPACE.name}", "description": "{SPACE.description}"}}'
        self.wfile.write(text.encode())


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server with a certificate that only its own file vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        yield Secured(f"https://127.0.0.1:{server.server_address[1]}", certificate)
        server.shutdown()
        thread.join()


def search(secured: Secured, ca_file: Path | None) -> ElasticsearchSettings:
    """Of the search index there."""
    return ElasticsearchSettings(url=secured.url, user="-", password=PASSWORD, ca_file=ca_file)


def test_elasticsearch_is_trusted_by_the_file(secured: Secured) -> None:
    """And by nothing else: without the file the same server is not believed."""
    with make_client(search(secured, secured.ca_file)) as client, server_errors():
        assert client.indices.exists_alias(name="photos")
    with (
        make_client(search(secured, None)) as client,
        pytest.raises(ServerUnavailableError, match=r"(?i)certificate"),
        server_errors(),
    ):
        client.indices.exists_alias(name="photos")


def test_kibana_is_trusted_by_the_file(secured: Secured) -> None:
    """As Elasticsearch."""
    trusted = KibanaSettings(url=secured.url, user="-", password=PASSWORD, ca_file=secured.ca_file)
    with KibanaServer(trusted) as server:
        assert server.ensure_space(SPACE) is SpaceChange.KEPT
    with (
        KibanaServer(trusted.model_copy(update={"ca_file": None})) as server,
        pytest.raises(ServerUnavailableError, match=r"(?i)certificate"),
        server_errors(),
    ):
        server.ensure_space(SPACE)


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_that_is_no_use_is_named(secured: Secured, tmp_path: Path, text: str | None) -> None:
    """Before anything is sent, and with the file's path."""
    path = tmp_path / "ca.crt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CertificateFileError, match=str(path)):
        make_client(search(secured, path))


def test_the_environment_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report's way in."""
    for name, value in {"URL": "https://es:9200", "USER": "a", "PASSWORD": "b", "CA_FILE": "/ca.crt"}.items():
        monkeypatch.setenv(f"PHOTO_ELASTICSEARCH_{name}", value)
    assert ElasticsearchSettings().ca_file == Path("/ca.crt")  # type: ignore[call-arg]  # from the environment


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own authority")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.crt", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths
