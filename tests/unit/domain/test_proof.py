"""``is_proven``: whose signature counts for a record, and for which record a signature counts."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey
from tests.support.signing import new_key, proof, x_of

from photo_pipeline.domain.errors import RecordRejected
from photo_pipeline.domain.events import PhotoEvent, Record
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import RecordCoordinates, Source, photo_id_for, sha256_hex
from photo_pipeline.domain.proof import PROOF, ProofRules, SigningDevice, device_of, is_proven
from photo_pipeline.web.tokens import Tokens

ADA, GRACE = UUID("0a0a0a0a-0000-4000-8000-000000000001"), UUID("0a0a0a0a-0000-4000-8000-000000000002")
DEVICE = UUID("0a0a0a0a-0000-4000-8000-00000000000d")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
AT_NOON = int(NOON.timestamp())
PLATFORM, CAMERA = new_key(), new_key()
STRICT = ProofRules({str(PLATFORM.kid): PLATFORM}, take_unsigned=False)
DEVICES = {DEVICE: SigningDevice(ADA, x_of(CAMERA), None)}
TOPIC = "photos.streamed"


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        """See the port."""
        return NOON


def event(customer: UUID = ADA, data: bytes = b"photo", source: Source = Source.STREAM) -> PhotoEvent:
    """A photo of somebody."""
    sha256 = sha256_hex(data)
    return PhotoEvent(
        event_id="event-1",
        source=source,
        origin="/cameras/1",
        customer_id=customer,
        photo_id=photo_id_for(customer, sha256),
        sha256=sha256,
        filename="Größe.jpg",
        content_type="image/jpeg",
        sent_at=NOON,
        data=data,
    )


def record(found: PhotoEvent, token: bytes | None, at: datetime = NOON, topic: str = TOPIC) -> Record:
    """The photo as it comes from Kafka."""
    headers = [*found.headers(), *([] if token is None else [(PROOF, token)])]
    return Record(RecordCoordinates(topic, 0, 7), at, found.key(), found.data, headers)


def by_device(found: PhotoEvent, key: OKPKey = CAMERA, kid: str = str(DEVICE), **claims: Any) -> bytes:
    """A proof by a device."""
    return proof(key, kid, found.headers(), TOPIC, **({"iat": AT_NOON} | claims))


def refusal(
    wrong: Record, rules: ProofRules = STRICT, devices: Mapping[UUID, SigningDevice] = DEVICES
) -> tuple[RejectReason, str]:
    """Why a record is refused."""
    with pytest.raises(RecordRejected) as rejection:
        is_proven(wrong, rules, devices)
    return rejection.value.reason, rejection.value.detail


def test_the_platforms_own_records_hold() -> None:
    """What the web applications write is believed where unsigned records are not."""
    own = event(source=Source.UPLOAD)
    signed = Tokens([PLATFORM], Noon()).sign_record(own.headers(), TOPIC)
    assert is_proven(record(own, signed.encode()), STRICT, {})


def test_a_device_signs_for_its_customer() -> None:
    """A device's own key is as good, for as long as the device is."""
    assert is_proven(record(event(), by_device(event())), STRICT, DEVICES)
    assert device_of(record(event(), by_device(event())), STRICT) == DEVICE


def test_an_unsigned_record_is_refused_where_signatures_are_asked_for() -> None:
    """Who writes to Kafka fills nobody's gallery."""
    reason, detail = refusal(record(event(), None))
    assert reason is RejectReason.UNSIGNED
    assert PROOF in detail


def test_an_unsigned_record_is_taken_on_a_laptop() -> None:
    """With keys and without, and nothing is proven by it."""
    assert not is_proven(record(event(), None), replace(STRICT, take_unsigned=True), {})
    assert not is_proven(record(event(), b"nonsense"), ProofRules(), {})


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        (replace(event(), event_id="event-2"), "ce_id"),
        (replace(event(), sent_at=NOON + timedelta(seconds=1)), "ce_time"),
        (replace(event(), sent_at=None), "ce_time"),
        (replace(event(), filename="other.jpg"), "ce_filename"),
        (replace(event(), filename=None), "ce_filename"),
        (replace(event(), origin="/cameras/2"), "ce_source"),
        (replace(event(), content_type="image/png"), "content-type"),
        (event(data=b"another photo"), "ce_sha256"),
    ],
)
def test_a_signature_counts_for_its_record_alone(moved: PhotoEvent, said: str) -> None:
    """Put on another photo, event or name, it is refused, and the detail says what differs; also on a laptop."""
    for rules in (STRICT, replace(STRICT, take_unsigned=True)):
        reason, detail = refusal(record(moved, by_device(event())), rules)
        assert reason is RejectReason.INVALID_SIGNATURE
        assert said in detail


def test_a_signature_counts_for_its_topic_alone() -> None:
    """What was signed for one topic is not taken on another."""
    reason, detail = refusal(record(event(), by_device(event()), topic="photos.uploaded"))
    assert (reason, TOPIC in detail) == (RejectReason.INVALID_SIGNATURE, True)


@pytest.mark.parametrize(
    ("found", "token", "said"),
    [
        (event(GRACE), by_device(event(GRACE)), "its own customer"),
        (event(source=Source.UPLOAD), by_device(event(source=Source.UPLOAD)), "photo.streamed.v1"),
        (event(), by_device(event(), new_key()), "bad_signature"),
        (event(), by_device(event(), kid=str(uuid4())), "there is no device"),
        (event(), by_device(event(), kid=str(PLATFORM.kid)), "bad_signature"),
        (event(), by_device(event(), kid="somebody"), "neither a key of this platform"),
        (event(), Tokens([PLATFORM], Noon()).sign_record([], TOPIC).encode(), "ce_sha256"),
    ],
)
def test_somebody_elses_signature(found: PhotoEvent, token: bytes, said: str) -> None:
    """A device signs its own customer's streamed photos, with its own key."""
    reason, detail = refusal(record(found, token))
    assert (reason, said in detail) == (RejectReason.INVALID_SIGNATURE, True), detail


def test_another_kind_of_token_is_no_proof() -> None:
    """A receipt, a session or a device's token by the same key says nothing about a record."""
    token = Tokens([PLATFORM], Noon())._sign("device+jwt", {"topic": TOPIC})
    assert "another kind" in refusal(record(event(), token.encode()))[1]


def test_a_revoked_device_is_refused_for_what_came_after() -> None:
    """By Kafka's clock, so that a slice which is read late or again has the same outcome."""
    revoked = {DEVICE: replace(DEVICES[DEVICE], revoked_at=NOON)}
    assert is_proven(record(event(), by_device(event()), NOON - timedelta(seconds=1)), STRICT, revoked)
    reason, detail = refusal(record(event(), by_device(event()), NOON), STRICT, revoked)
    assert (reason, str(DEVICE) in detail) == (RejectReason.DEVICE_REVOKED, True)


@pytest.mark.parametrize(
    ("days", "good"), [(0, True), (14.9, True), (15.1, False), (-0.9, True), (-1.1, False), (1e6, False)]
)
def test_a_signature_grows_old(days: float, good: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """It outlives its record in Kafka and one more time as a dead letter; later nobody can bring a photo back by it."""
    iat = AT_NOON - days * 86400
    found = record(event(), by_device(event(), iat=iat))
    if good:
        assert is_proven(found, STRICT, DEVICES)
    else:
        assert refusal(found)[0] is RejectReason.INVALID_SIGNATURE


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": None},
        {"iat": True},
        {"iat": "now"},
        {"iat": 10**400},
        {"iat": float("inf")},
        {"iat": float("nan")},
        {"topic": "\ud800\x00"},
        {"topic": ["x" * 2000]},
        {"headers": None},
        {"headers": {"\ud800": "\x00"}},
    ],
)
def test_whatever_a_device_signs_ends_as_an_outcome(claims: dict[str, Any]) -> None:
    """A customer with a good key cannot stop the line: the detail is a line that a database can hold."""
    reason, detail = refusal(record(event(), by_device(event(), **claims)))
    assert reason is RejectReason.INVALID_SIGNATURE
    assert detail.isprintable()
    assert len(detail.encode()) <= 1200


@pytest.mark.parametrize(
    "header", ["[" * 3000, "[]", "1", '{"alg":"none"}', '{"alg":"EdDSA","crit":5}', '{"alg":"EdDSA","kid":5}', "\x00"]
)
def test_a_token_that_is_none(header: str) -> None:
    """Nor can anybody else."""
    head = base64.urlsafe_b64encode(header.encode()).rstrip(b"=").decode()
    assert refusal(record(event(), f"{head}.e30.AAAA".encode()))[0] is RejectReason.INVALID_SIGNATURE


@given(st.text(max_size=300) | st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps))
def test_noise(noise: str) -> None:
    """Any text at all in the header is refused, and asks for no device that is none."""
    strange = record(event(), noise.encode(errors="replace"))
    assert refusal(strange)[0] in {RejectReason.INVALID_SIGNATURE, RejectReason.UNSIGNED}
    assert device_of(strange, STRICT) is None
