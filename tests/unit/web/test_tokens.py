"""Tokens: what this platform signed, of the right kind and not at its end, and nothing else."""

import base64
import itertools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jwt
from joserfc.jwk import OctKey
from tests.support.signing import new_key
from tests.support.web import NOON, FakeClock

from photo_pipeline.domain.photo import Receipt, RecordCoordinates
from photo_pipeline.domain.signatures import sign
from photo_pipeline.web.tokens import (
    CLOCK_LEEWAY_SECONDS,
    DeviceIdentity,
    Session,
    SigningKeyError,
    TokenError,
    Tokens,
    load_keys,
)

RECEIPT = Receipt(uuid4(), "ab" * 32, RecordCoordinates("photos.uploaded", 3, 2**40), NOON)
SESSION = Session(uuid4(), uuid4(), NOON, NOON + timedelta(hours=1))
DEVICE = DeviceIdentity(uuid4(), uuid4())


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock()


@pytest.fixture
def tokens(clock: FakeClock) -> Tokens:
    """Give tokens with one fresh key."""
    return Tokens([new_key()], clock)


def signed(tokens: Tokens) -> dict[str, str]:
    """One token of each kind."""
    return {
        "receipt": tokens.sign_receipt(RECEIPT),
        "session": tokens.sign_session(SESSION),
        "device": tokens.sign_device(DEVICE, SESSION.expires_at),
    }


def verify(tokens: Tokens, kind: str, token: str) -> object:
    """Check a token as one of that kind."""
    checks = {"receipt": tokens.verify_receipt, "session": tokens.verify_session, "device": tokens.verify_device}
    return checks[kind](token)


def part(token: str, position: int) -> dict[str, object]:
    """Header or claims, decoded by hand."""
    text = token.split(".")[position]
    decoded: dict[str, object] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


def test_each_kind_says_what_it_was_given(tokens: Tokens) -> None:
    """A token that was signed comes back as the value it was made of."""
    expected = {"receipt": RECEIPT, "session": SESSION, "device": DEVICE}
    assert {kind: verify(tokens, kind, token) for kind, token in signed(tokens).items()} == expected


@pytest.mark.parametrize("kind", ["session", "device"])
def test_what_was_good_once_is_looked_at_each_time(tokens: Tokens, clock: FakeClock, kind: str) -> None:
    """That a signature was checked before makes no token last longer, and none good that is changed by a letter."""
    token = signed(tokens)[kind]
    assert verify(tokens, kind, token) == verify(tokens, kind, token)
    head, claims, signature = token.split(".")
    for forged in (f"{head}.{claims}.{signature[:-4]}AAAA", f"{head}.{claims[:-2]}.{signature}", token[:-1]):
        with pytest.raises(TokenError):
            verify(tokens, kind, forged)
    clock.moment = SESSION.expires_at + timedelta(seconds=CLOCK_LEEWAY_SECONDS)
    with pytest.raises(TokenError):
        verify(tokens, kind, token)


@pytest.mark.parametrize(("kind", "other"), list(itertools.permutations(["receipt", "session", "device"], 2)))
def test_no_kind_passes_for_another(tokens: Tokens, kind: str, other: str) -> None:
    """A receipt logs nobody in, a device's token is no session, and so on."""
    with pytest.raises(TokenError):
        verify(tokens, other, signed(tokens)[kind])


@pytest.mark.parametrize("kind", ["receipt", "session", "device"])
def test_another_key_is_refused(tokens: Tokens, clock: FakeClock, kind: str) -> None:
    """A token of another platform's key proves nothing here."""
    stranger = Tokens([new_key()], clock)
    with pytest.raises(TokenError):
        verify(tokens, kind, signed(stranger)[kind])


@pytest.mark.parametrize("kind", ["receipt", "session", "device"])
def test_a_stranger_cannot_borrow_the_key_id(clock: FakeClock, kind: str) -> None:
    """Naming the right key does not help without having it."""
    own, forged = new_key(), new_key()
    forger = Tokens([forged], clock)
    kind_of_token = str(part(signed(forger)[kind], 0)["typ"])
    token = sign(kind_of_token, part(signed(forger)[kind], 1), forged, own.kid)
    with pytest.raises(TokenError):
        verify(Tokens([own], clock), kind, token)


@pytest.mark.parametrize("kind", ["receipt", "session", "device"])
def test_any_changed_character_is_noticed(tokens: Tokens, kind: str) -> None:
    """Whatever is changed in header, claims or signature, the token is refused."""
    token = signed(tokens)[kind]
    for at in range(0, len(token) - 1, 7):  # the last character holds unused bits
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(TokenError):
            verify(tokens, kind, changed)


@pytest.mark.parametrize("kind", ["session", "device"])
def test_tokens_that_let_in_end(tokens: Tokens, clock: FakeClock, kind: str) -> None:
    """They are good until their end and not half a minute longer."""
    token = signed(tokens)[kind]
    clock.advance(minutes=59, seconds=59)
    verify(tokens, kind, token)
    clock.advance(seconds=30)
    with pytest.raises(TokenError):
        verify(tokens, kind, token)


def test_receipts_do_not_end(tokens: Tokens, clock: FakeClock) -> None:
    """What happened stays true."""
    token = tokens.sign_receipt(RECEIPT)
    clock.advance(days=3650)
    assert tokens.verify_receipt(token) == RECEIPT


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_the_header_does_not_choose_the_algorithm(tokens: Tokens, algorithm: str) -> None:
    """Neither no signature nor one made with the published key as a shared secret is believed."""
    claims = part(tokens.sign_session(SESSION), 1)
    published = tokens.jwks()["keys"][0]
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "at+jwt"}).encode()).decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    forged = f"{head}.{body}."
    if algorithm == "HS256":
        secret = OctKey.import_key(base64.urlsafe_b64decode(published["x"] + "="))
        forged = jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims, secret, ["HS256"])
    with pytest.raises(TokenError):
        tokens.verify_session(forged)


@pytest.mark.parametrize("nonsense", ["", ".", "..", "a.b.c", "é" * 20, "x" * 100_000, "e30.e30.e30", "\x00"])
def test_nonsense_is_refused_as_such(tokens: Tokens, nonsense: str) -> None:
    """Whatever somebody sends as a token, the error is the one that callers expect."""
    for kind in ("receipt", "session", "device"):
        with pytest.raises(TokenError):
            verify(tokens, kind, nonsense)


def test_a_receipt_can_be_checked_with_the_published_key_alone(tokens: Tokens) -> None:
    """Another implementation of Ed25519 finds the signature good, over exactly what RFC 7515 says is signed."""
    token = tokens.sign_receipt(RECEIPT)
    [published] = tokens.jwks()["keys"]
    signed_part, _, signature = token.rpartition(".")
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(published["x"] + "="))
    key.verify(base64.urlsafe_b64decode(signature + "=="), signed_part.encode())
    assert part(token, 0) == {"alg": "EdDSA", "typ": "receipt+jwt", "kid": published["kid"]}
    assert part(token, 1)["offset"] == 2**40


def test_the_private_key_is_not_published(tokens: Tokens) -> None:
    """``d`` stays at home."""
    assert set(tokens.jwks()["keys"][0]) == {"kty", "crv", "x", "use", "alg", "kid"}


def test_a_retired_key_still_verifies(clock: FakeClock) -> None:
    """After a rotation older receipts are good, new ones carry the new key, and both keys are published."""
    old, new = new_key(), new_key()
    before, after = Tokens([old], clock), Tokens([new, old], clock)
    assert after.verify_receipt(before.sign_receipt(RECEIPT)) == RECEIPT
    assert part(after.sign_receipt(RECEIPT), 0)["kid"] == new.kid
    assert [key["kid"] for key in after.jwks()["keys"]] == [new.kid, old.kid]


def test_keys_are_read_from_a_jwk_or_a_set(tmp_path: Path) -> None:
    """One key, or several of which the first signs. A key without an id gets its thumbprint."""
    first, second = new_key(), new_key()
    nameless = {name: value for name, value in first.as_dict(private=True).items() if name != "kid"}
    path = tmp_path / "keys.jwk"
    path.write_text(json.dumps(nameless))
    assert [key.kid for key in load_keys(path)] == [first.kid]
    path.write_text(json.dumps({"keys": [nameless, second.as_dict(private=True)]}))
    assert [key.kid for key in load_keys(path)] == [first.kid, second.kid]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        "{}",
        '{"keys": []}',
        '{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
        '{"kty": "oct", "k": "c2VjcmV0"}',
        '{"keys": "x"}',
        '{"keys": [1]}',
    ],
)
def test_a_useless_key_file_is_named(tmp_path: Path, content: str | None) -> None:
    """A missing, broken or public key ends in one line that names the file and what it should hold."""
    path = tmp_path / "keys.jwk"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SigningKeyError) as error:
        load_keys(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_session_names_its_customer_only(tokens: Tokens) -> None:
    """A token holds no name and no address: it travels far."""
    claims = part(tokens.sign_session(SESSION), 1)
    assert set(claims) == {"iss", "aud", "iat", "exp", "sub", "sid", "auth_time", "jti"}
    assert UUID(str(claims["sub"])) == SESSION.customer_id


def test_a_receipt_says_which_topic_it_is_of(tokens: Tokens) -> None:
    """Kafka's id tells logs of one name apart; a receipt of an older version has none, and is as good."""
    at = replace(RECEIPT.coordinates, topic_id="fJbhqXI8TkOZPFhPZCqsuQ")
    assert part(tokens.sign_receipt(replace(RECEIPT, coordinates=at)), 1)["topic_id"] == at.topic_id
    assert (
        tokens.verify_receipt(tokens.sign_receipt(replace(RECEIPT, coordinates=at))).coordinates.topic_id == at.topic_id
    )
    assert "topic_id" not in part(tokens.sign_receipt(RECEIPT), 1)
    assert tokens.verify_receipt(tokens.sign_receipt(RECEIPT)).coordinates.topic_id is None


@pytest.mark.parametrize("header", ['{"alg":"EdDSA","crit":5}', "[" * 3000, "[]", '{"alg":5}', '{"kid":1}'])
def test_a_header_that_no_library_expects(tokens: Tokens, header: str) -> None:
    """Whatever anybody sends as a token is no token, and never an error of the server."""
    head = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")
    with pytest.raises(TokenError):
        tokens.verify_session(f"{head}.e30.AAAA")
