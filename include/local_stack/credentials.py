"""Passwords and keys of one stack: generated once, kept with mode 0600, never a default."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import uuid
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from joserfc.jwk import OKPKey

from local_stack.durable import flush

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD_BYTES = 18


class Credentials:
    """A folder with one file per secret, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def password(self, name: str, size: int = PASSWORD_BYTES) -> str:
        """Return the password of that name: letters, digits, ``-`` and ``_`` only, so it fits into URLs.

        Args:
            name: Whose it is.
            size: Random bytes in it.
        """
        return self._once(f"{name}.password", lambda: secrets.token_urlsafe(size))

    def fernet_key(self) -> str:
        """Return the key that encrypts Airflow's stored connections: 32 bytes in URL-safe base64."""
        return self._once("airflow.fernet", lambda: urlsafe_b64encode(os.urandom(32)).decode())

    def kafka_cluster_id(self) -> str:
        """Return the cluster id: a random UUID in unpadded URL-safe base64, as Kafka's own tool writes it."""
        return self._once("kafka.cluster_id", lambda: urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))

    def signing_key_file(self) -> Path:
        """Return the file with the Ed25519 key (JWK) that signs receipts and session tokens."""
        self._once("signing_key.jwk", _new_signing_key)
        return self._folder / "signing_key.jwk"

    def erasure_key_file(self) -> Path:
        """Return the file with the Ed25519 key (JWK) that signs proofs of erasure: the pipeline's own."""
        self._once("erasure_key.jwk", _new_signing_key)
        return self._folder / "erasure_key.jwk"

    def record_keys_file(self) -> Path:
        """Return the file with the public half of the signing keys (JWK Set), by which records are believed."""
        return self._public_half(self.signing_key_file(), "record_keys.json")

    def erasure_keys_file(self) -> Path:
        """Return the file with the public half of the erasure keys (JWK Set), by which proofs are checked."""
        return self._public_half(self.erasure_key_file(), "erasure_keys.json")

    def _public_half(self, keys: Path, name: str) -> Path:
        content = json.loads(keys.read_text())
        public = [{name: value for name, value in key.items() if name != "d"} for key in content.get("keys", [content])]
        path = self._folder / name
        text = json.dumps({"keys": public})
        if not path.exists() or path.read_text() != text:
            path.unlink(missing_ok=True)
            self._once(path.name, lambda: text)
        return path

    def _once(self, filename: str, make: Callable[[], str]) -> str:
        path = self._folder / filename
        if not path.exists():
            # Services are prepared at the same time: the first one's secret is everybody's.
            descriptor, temporary = tempfile.mkstemp(dir=self._folder)  # readable by its owner only
            with os.fdopen(descriptor, "w") as file:
                file.write(make())
            flush(Path(temporary))
            with suppress(FileExistsError):
                os.link(temporary, path)
            flush(self._folder)
            Path(temporary).unlink()
        return path.read_text()


def _new_signing_key() -> str:
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "EdDSA"}, private=True, auto_kid=True)
    return json.dumps(key.as_dict(private=True))
