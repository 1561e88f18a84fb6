"""The script by which anyone checks a proof of erasure: whatever was changed in one, a line says so."""

import importlib.util
import json
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from tests.support.signing import new_key, x_of

from photo_pipeline.domain.signatures import sign

SCRIPT = Path(__file__).parents[2] / "examples" / "verify_erasure.py"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ADDRESS = "http://127.0.0.1:no-port"


@pytest.fixture(scope="module")
def script() -> Any:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("verify_erasure", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def key() -> OKPKey:
    """What proofs are signed with."""
    return new_key()


@pytest.fixture(scope="module")
def proof(key: OKPKey) -> str:
    """A proof that holds."""
    return sign("photo-erasure+jwt", {"subject": {"salt": "s", "sha256": "x"}}, key)


def encoded(part: bytes) -> str:
    """Unpadded base64url."""
    return urlsafe_b64encode(part).rstrip(b"=").decode()


def tampered(proof: str) -> dict[str, str]:
    """Changed in each part; the last letter of a signature has bits that no byte shows."""
    header, claims, signature = proof.split(".")
    last = LETTERS[LETTERS.index(signature[-1]) ^ 1]
    strange = {"alg": "EdDSA", "typ": "photo-erasure+jwt", "kid": ["a", "list"]}
    return {
        "last letter": f"{header}.{claims}.{signature[:-1]}{last}",
        "padding": f"{proof}==",
        "letters that are none": f"{header}.{claims}.****{signature}",
        "a list for a key": f"{encoded(json.dumps(strange).encode())}.{claims}.{signature}",
        "no end of lists": f"{encoded(b'[' * 100_000)}.{claims}.{signature}",
        "other claims": f"{header}.{encoded(b'{}')}.{signature}",
        "no signature": f"{header}.{claims}.",
        "nothing": "",
    }


@pytest.mark.parametrize("how", sorted(tampered("a.b.c")))
def test_a_proof_that_was_changed_is_none(script: Any, key: OKPKey, proof: str, how: str) -> None:
    """However little was."""
    keys = {key.kid: x_of(key)}
    assert script.checked(proof, keys, None) == {"subject": {"salt": "s", "sha256": "x"}}
    with pytest.raises(ValueError, match=r"no proof of erasure|no key|does not hold"):
        script.checked(tampered(proof)[how], keys, None)


def test_a_mistyped_address_is_told_in_a_line(
    script: Any, proof: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback."""
    monkeypatch.setattr(sys, "argv", ["verify_erasure.py", ADDRESS, proof])
    assert script.main() == 1
    said = capsys.readouterr().err
    assert said.startswith(f"not proven: {ADDRESS} shows no keys: ")
    assert said.count("\n") == 1
