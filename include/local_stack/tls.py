"""The certificates of a secured stack: an authority of its own, made at the first start, and one for each server."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local_stack.settings import HOST, STANDBY_HOST

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY_NAME = "local photo stack"
LIFE = dt.timedelta(days=800)
LEFT = dt.timedelta(days=30)
"""With less than that left, another is made at the next start."""
PUBLIC, PRIVATE = 0o644, 0o600


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows, and what it proves that with, both in PEM."""

    certificate: str
    key: str


class Authority:
    """Signs the servers' certificates. Whoever has the file of its own trusts them, and nobody else's.

    Args:
        ca_file: Its certificate, for every client.
        secrets: Where its key is kept, for the owner's eyes only.
    """

    def __init__(self, ca_file: Path, secrets: Path) -> None:
        self.ca_file = ca_file
        self._secrets = secrets
        self._key_file = secrets / "authority.key"

    def make(self) -> None:
        """Make it, unless it is there."""
        if not (self._key_file.exists() and _is_fresh(self.ca_file)):
            key = ec.generate_private_key(ec.SECP256R1())
            name = _name(AUTHORITY_NAME)
            itself = x509.BasicConstraints(ca=True, path_length=0)
            made = _builder(name, name, key.public_key()).add_extension(itself, critical=True)
            _write(self._key_file, _pem_of(key), PRIVATE)
            _write(self.ca_file, _pem(made.sign(key, hashes.SHA256())), PUBLIC)

    def issue(self, name: str) -> Certificate:
        """Return the certificate by which a server, or one to another, is known under this name; made once."""
        certificate, key = (self._secrets / f"{name}.{kind}" for kind in ("crt", "key"))
        authority = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        if not (key.exists() and _is_fresh(certificate) and _is_signed_by(authority, certificate)):
            made = self._sign(name, authority)
            _write(key, made.key, PRIVATE)
            _write(certificate, made.certificate, PRIVATE)
        return Certificate(certificate.read_text(), key.read_text())

    def _sign(self, name: str, authority: x509.Certificate) -> Certificate:
        signer = load_pem_private_key(self._key_file.read_bytes(), password=None)
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = [x509.IPAddress(ipaddress.ip_address(host)) for host in (HOST, STANDBY_HOST)]
        both_ways = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = (
            _builder(_name(name), authority.subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(both_ways), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        return Certificate(_pem(made.sign(cast("ec.EllipticCurvePrivateKey", signer), hashes.SHA256())), _pem_of(key))


def _is_fresh(path: Path) -> bool:
    if not path.exists():
        return False
    found = x509.load_pem_x509_certificate(path.read_bytes())
    return found.not_valid_after_utc - dt.datetime.now(dt.UTC) > LEFT


def _is_signed_by(authority: x509.Certificate, path: Path) -> bool:
    try:
        x509.load_pem_x509_certificate(path.read_bytes()).verify_directly_issued_by(authority)
    except (ValueError, InvalidSignature):
        return False
    return True


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFE)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    path.chmod(mode)
