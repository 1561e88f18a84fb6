"""Credentials: generated once, closed to others, usable for what they are for."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.jwk import OKPKey

from local_stack.credentials import Credentials

if TYPE_CHECKING:
    from pathlib import Path


def test_a_password_is_made_once(tmp_path: Path) -> None:
    """A restart finds the same one; another name or another stack has another."""
    first = Credentials(tmp_path).password("photo_api")
    assert Credentials(tmp_path).password("photo_api") == first
    assert Credentials(tmp_path).password("photo_bi") != first
    (tmp_path / "other").mkdir()
    assert Credentials(tmp_path / "other").password("photo_api") != first


def test_every_secret_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Mode 0600 from the moment the file exists."""
    credentials = Credentials(tmp_path)
    credentials.password("photo_api")
    credentials.fernet_key()
    credentials.kafka_cluster_id()
    credentials.signing_key_file()
    credentials.erasure_keys_file()
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600] * 6


def test_the_fernet_key_encrypts(tmp_path: Path) -> None:
    """Airflow takes it as it is."""
    cipher = Fernet(Credentials(tmp_path).fernet_key())
    assert cipher.decrypt(cipher.encrypt(b"photo")) == b"photo"


def test_the_cluster_id_is_a_uuid_as_kafka_writes_it(tmp_path: Path) -> None:
    """Sixteen bytes in unpadded URL-safe base64."""
    text = Credentials(tmp_path).kafka_cluster_id()
    assert len(text) == 22
    assert len(base64.urlsafe_b64decode(text + "==")) == 16


def test_the_signing_key_signs(tmp_path: Path) -> None:
    """It is a private Ed25519 key with an id, and its public half verifies what it signs."""
    key = OKPKey.import_key(json.loads(Credentials(tmp_path).signing_key_file().read_text()))
    public = OKPKey.import_key(key.as_dict(private=False))
    assert key.kid
    assert isinstance(key.private_key, Ed25519PrivateKey)
    assert isinstance(public.public_key, Ed25519PublicKey)
    public.public_key.verify(key.private_key.sign(b"receipt"), b"receipt")


def test_the_public_half_of_the_erasure_key_holds_nothing_else(tmp_path: Path) -> None:
    """The upload API is given the same key as the pipeline, without what signs."""
    credentials = Credentials(tmp_path)
    private = json.loads(credentials.erasure_key_file().read_text())
    (public,) = json.loads(credentials.erasure_keys_file().read_text())["keys"]
    assert public == {name: value for name, value in private.items() if name != "d"}
