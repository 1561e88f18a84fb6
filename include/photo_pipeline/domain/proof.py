"""Who wrote a record: a signature in one of its headers, which covers what the record says and where it was sent.

So it cannot be moved to another photo, customer, event or topic. It is by the platform's key, or by a device's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc.jwk import OKPKey

from photo_pipeline.domain.errors import RecordRejected
from photo_pipeline.domain.events import STREAMED_TYPE, Headers, Record, customer_of, format_time, text_headers
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.signatures import KeysError, SignatureError, key_id_of, opened, public_key, require_kind
from photo_pipeline.domain.text import on_one_line

PROOF = "ce_proof"
"""CloudEvents extension: the signature, a compact JWS."""
PROOF_TYPE = "photo-record+jwt"
COVERED = (
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "content-type",
    "ce_sha256",
    "ce_filename",
)
"""The headers that are signed, as many of them as a record has."""
GOOD_FOR = timedelta(days=15)
"""A week in Kafka, and another as a dead letter that is fed again. Later nobody appends it for a good reason."""
AHEAD = timedelta(days=1)
"""How far a device's clock may be ahead of Kafka's."""
MAX_DETAIL = 300
_LATEST = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class SigningDevice:
    """A device as the ledger knows it.

    Attributes:
        customer_id: whose photos it may sign.
        public_key: the ``x`` of its Ed25519 key; ``None`` where it has none.
        revoked_at: from when on what it sends is refused.
    """

    customer_id: UUID
    public_key: str | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProofRules:
    """Which records are believed.

    Attributes:
        keys: the platform's public keys by their ids; without any, no proof is looked at.
        take_unsigned: whether a record without a proof is taken at its word.
    """

    keys: Mapping[str, OKPKey] = field(default_factory=dict)
    take_unsigned: bool = True


def statement(headers: Headers, topic: str, now: datetime) -> dict[str, Any]:
    """The claims of a proof: ``iat``, ``topic``, and in ``headers`` each covered header as it is in the record."""
    return {"iat": int(now.timestamp()), "topic": topic, "headers": _covered(headers)}


def device_of(record: Record, rules: ProofRules) -> UUID | None:
    """The device that a record says has signed it; to be asked about before the record is judged."""
    token = _token(record) if rules.keys else None
    try:
        key_id = None if token is None else key_id_of(token)
        return None if key_id is None or key_id in rules.keys else UUID(key_id)
    except (SignatureError, ValueError):
        return None


def is_proven(record: Record, rules: ProofRules, devices: Mapping[UUID, SigningDevice]) -> bool:
    """Whether the record's proof holds; ``False`` where it has none and needs none.

    Args:
        record: as it was read.
        rules: whose signature counts.
        devices: what is known of the devices that ``device_of`` named.

    Raises:
        RecordRejected: when it needs one, or when the one it has does not hold.
    """
    if not rules.keys:
        return False
    token = _token(record)
    if token is None and rules.take_unsigned:
        return False
    if token is None:
        raise RecordRejected(RejectReason.UNSIGNED, f"no header {PROOF}: unsigned records are not taken here")
    try:
        _check(token, record, rules, devices)
    except (SignatureError, KeysError) as error:
        # What was signed may be any text, also such as no database holds.
        said = on_one_line(str(error))
        raise RecordRejected(RejectReason.INVALID_SIGNATURE, f"{PROOF}: {said}"[:MAX_DETAIL]) from error
    return True


def _check(token: str, record: Record, rules: ProofRules, devices: Mapping[UUID, SigningDevice]) -> None:
    key_id = key_id_of(token) or ""
    key = rules.keys.get(key_id) or _key_of_device(key_id, record, devices)
    found = opened(token, key)
    require_kind(found, PROOF_TYPE)
    _check_claims(found.claims, record)


def _key_of_device(key_id: str, record: Record, devices: Mapping[UUID, SigningDevice]) -> OKPKey:
    """The key of a device that may sign this record.

    A device was revoked for what came after: Kafka's clock says when a record came, so that a slice which is read late,
    or again, has the same outcome.
    """
    try:
        device_id = UUID(key_id)
    except ValueError:
        raise SignatureError("its kid is neither a key of this platform nor the id of a device") from None
    device = devices.get(device_id)
    if device is None or device.public_key is None:
        raise SignatureError(f"there is no device {device_id} with a key of its own")
    kind = text_headers(record.headers).get("ce_type")
    if customer_of(record.headers) != device.customer_id or kind != STREAMED_TYPE:
        raise SignatureError(f"device {device_id} signs {STREAMED_TYPE} of its own customer alone")
    if device.revoked_at is not None and record.timestamp >= device.revoked_at:
        raise RecordRejected(RejectReason.DEVICE_REVOKED, f"device {device_id} was revoked before the record came")
    return public_key(device.public_key)


def _check_claims(claims: Mapping[str, Any], record: Record) -> None:
    if claims.get("topic") != record.coordinates.topic:
        raise SignatureError(f"it was signed for the topic {claims.get('topic')}")
    signed, own = claims.get("headers"), _covered(record.headers)
    if not isinstance(signed, dict):
        raise SignatureError("it has no claim headers")
    differing = sorted(name for name in {*signed, *own} if signed.get(name) != own.get(name))
    if differing:
        raise SignatureError(f"it was signed for other headers: {', '.join(differing)}")
    _check_age(claims.get("iat"), record.timestamp)


def _check_age(issued_at: Any, came_at: datetime) -> None:
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float) or not 0 <= issued_at <= _LATEST:
        raise SignatureError("it has no time iat, in seconds since 1970")
    age = came_at.timestamp() - issued_at
    if not -AHEAD.total_seconds() <= age <= GOOD_FOR.total_seconds():
        signed_at = datetime.fromtimestamp(issued_at, tz=UTC)
        raise SignatureError(f"it was signed at {format_time(signed_at)}, and came at {format_time(came_at)}")


def _covered(headers: Headers) -> dict[str, str]:
    decoded = text_headers(headers)
    return {name: decoded[name] for name in COVERED if name in decoded}


def _token(record: Record) -> str | None:
    return text_headers(record.headers).get(PROOF)
