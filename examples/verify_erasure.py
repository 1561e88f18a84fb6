"""Checks a proof of erasure with the platform's published keys. Needs Python and `cryptography`, and no account.

Usage: python verify_erasure.py https://photos.example.com PROOF [ID]

Prints what the proof says. With an ID, of a photo or a customer, it also has to be about that one. Where it does not
hold, a line says why and the script ends with 1.
"""
# ruff: noqa: INP001, T201, S310 - a script, it talks to whoever runs it, and they name the address

import argparse
import hashlib
import http.client
import json
import sys
import urllib.request
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KIND = "photo-erasure+jwt"


def decoded(part: str) -> bytes:
    """Unpadded base64url, in the one way of writing these bytes.

    Raises:
        ValueError: when it is none: a letter was changed that the bytes do not show.
    """
    found = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if urlsafe_b64encode(found).rstrip(b"=") != part.encode():
        raise ValueError("this is no base64url")
    return found


def published(address: str) -> dict[str, str]:
    """The platform's keys by their ids.

    Raises:
        OSError: when there is no platform.
        ValueError: when it shows no keys.
    """
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/.well-known/erasure-jwks.json", timeout=30) as answer:
            return {key["kid"]: key["x"] for key in json.load(answer)["keys"]}
    except (http.client.HTTPException, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"{address} shows no keys: {error}") from error


def checked(proof: str, keys: dict[str, str], subject: str | None) -> dict[str, Any]:
    """What the proof says.

    Raises:
        ValueError: when it is no proof, or not about that subject.
    """
    try:
        signed, signature_part = proof.strip().rsplit(".", 1)
        header, claims = (json.loads(decoded(part)) for part in signed.split("."))
        signature = decoded(signature_part)
        key, algorithm, kind = str(header["kid"]), header["alg"], header["typ"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("this is no proof of erasure") from error
    if (algorithm, kind) != ("EdDSA", KIND):
        raise ValueError(f"this is no proof of erasure, but {kind} by {algorithm}")
    if key not in keys:
        raise ValueError(f"the platform shows no key {key}")
    try:
        Ed25519PublicKey.from_public_bytes(decoded(keys[key])).verify(signature, signed.encode())
    except InvalidSignature as error:
        raise ValueError("the signature does not hold") from error
    digest = hashlib.sha256(f"{claims['subject']['salt']}{subject}".encode()).hexdigest()
    if subject is not None and digest != claims["subject"]["sha256"]:
        raise ValueError(f"the proof holds, but is not about {subject}")
    return dict(claims)


def main() -> int:
    """Check what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("proof")
    parser.add_argument("id", nargs="?", type=str.lower)
    given = parser.parse_args()
    try:
        claims = checked(given.proof, published(given.address), given.id)
    except (OSError, ValueError) as error:
        print(f"not proven: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(json.dumps(claims, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
