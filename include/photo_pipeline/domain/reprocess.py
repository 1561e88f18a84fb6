"""What an operator may ask to be done again, checked, and the values of doing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from photo_pipeline.domain.errors import InvalidRequestError
from photo_pipeline.domain.events import Headers, encode_headers
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import RecordCoordinates, Source

Kind = TypeVar("Kind", bound=StrEnum)

ANY = "any"
"""Said of a format or a reason: whichever."""
OF = "ce_reprocessof"
"""CloudEvents extension: the record that this one is sent again for."""
REQUEST = "ce_reprocessrequest"
"""CloudEvents extension: the request by which it was sent again."""


MAY_END_OTHERWISE = frozenset(
    {
        RejectReason.UNKNOWN_EVENT_TYPE,
        RejectReason.UNKNOWN_CUSTOMER,
        RejectReason.UNSIGNED,
        RejectReason.INVALID_SIGNATURE,
        RejectReason.DEVICE_REVOKED,
        RejectReason.UNSUPPORTED,
        RejectReason.TOO_MANY_PIXELS,
        RejectReason.DECODER_TIMEOUT,
        RejectReason.DECODER_CRASHED,
        RejectReason.DECODER_OUT_OF_MEMORY,
    }
)
"""What an account, a key, a limit or a newer release can change. The others are said of bytes, which stay the same."""


def may_end_otherwise(reason: str) -> bool:
    """Whether a record that was rejected for it can have another outcome, fed again. A newer release's reasons may."""
    return reason in MAY_END_OTHERWISE or reason not in set(RejectReason)


class Mode(StrEnum):
    """What to do again."""

    RENDITIONS = "renditions"
    DEAD_LETTERS = "dead_letters"


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request.

    Attributes:
        request_id: whoever asks again under this id goes on with the same request.
        mode: what to do again.
        start: of the window, included.
        end: of the window, excluded.
        customer_id: whose photos; ``None`` for everybody's.
        format: of the originals; ``None`` for any.
        reason: of the rejections; ``None`` for any.
        record: the only rejected record that is meant; ``None`` for all in the window.
    """

    request_id: str
    mode: Mode
    start: datetime
    end: datetime
    customer_id: UUID | None = None
    format: SniffedFormat | None = None
    reason: RejectReason | None = None
    record: RecordCoordinates | None = None

    def parameters(self) -> dict[str, str | None]:
        """All but the id, in JSON's types."""
        record = {} if self.record is None else {"record": str(self.record)}
        return {
            **record,
            "mode": self.mode.value,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "customer_id": None if self.customer_id is None else str(self.customer_id),
            "format": ANY if self.format is None else self.format.value,
            "reason": ANY if self.reason is None else self.reason.value,
        }


@dataclass(frozen=True, slots=True)
class SourceShard:
    """A live shard whose photos are derived again. What is made of it is as old, and of the same kind of place."""

    shard_id: int
    path: str
    dt: date
    is_hold: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """The right to replace photos of a shard, until another attempt of the same request takes it over."""

    attempt_id: int
    request_id: str
    source: SourceShard


@dataclass(frozen=True, slots=True)
class SourcePhoto:
    """A photo that is to be derived again: what its row says, and where its original lies."""

    photo_id: UUID
    customer_id: UUID
    sha256: str
    source: Source
    filename: str | None
    bytes: int
    accepted_at: datetime
    coordinates: RecordCoordinates
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class UnsettledRecord:
    """A record of which nobody knows whether it was sent again.

    Attributes:
        coordinates: the rejected record.
        sought_from: where each partition of its topic ended before, by its number.
    """

    coordinates: RecordCoordinates
    sought_from: Mapping[int, int]


def parse_request(request_id: str, parameters: Mapping[str, object]) -> Request:
    """Check what an operator asked for.

    Raises:
        InvalidRequestError: with one line that names the field and what it should be.
    """
    start, end = _moment(parameters, "from"), _moment(parameters, "to")
    if start >= end:
        raise InvalidRequestError(f"from ({start.isoformat()}) must be earlier than to ({end.isoformat()})")
    mode = Mode(_choice(parameters, "mode", list(Mode)))
    request = Request(
        request_id=request_id,
        mode=mode,
        start=start,
        end=end,
        customer_id=_customer(parameters),
        format=_any_or(SniffedFormat, _choice(parameters, "format", [ANY, *SniffedFormat])),
        reason=_any_or(RejectReason, _choice(parameters, "reason", [ANY, *RejectReason])),
        record=_record(parameters),
    )
    _refuse_what_says_nothing(request)
    return request


def reprocess_headers(headers: Headers, coordinates: RecordCoordinates, request_id: str) -> list[tuple[str, bytes]]:
    """The headers of a record that is sent again: its own, and which record it is sent again for."""
    own = [(name, value) for name, value in headers if name not in {OF, REQUEST}]
    return [*own, *encode_headers({OF: str(coordinates), REQUEST: request_id})]


def offset_runs(offsets: Sequence[int], largest_gap: int) -> list[tuple[int, int]]:
    """Ranges ``[start, end)`` that hold these growing offsets: one for offsets no further apart than the gap."""
    runs: list[tuple[int, int]] = []
    for offset in offsets:
        if runs and offset - runs[-1][1] <= largest_gap:
            runs[-1] = (runs[-1][0], offset + 1)
        else:
            runs.append((offset, offset + 1))
    return runs


def reprocess_staging_path(root: str, attempt: Attempt) -> str:
    """Where an attempt writes before anyone may see it."""
    return f"{root}/_staging/{_name(attempt)}"


def reprocess_path(root: str, attempt: Attempt) -> str:
    """The final name: in the folder of the source's day, or with the held photos where the source is one of theirs."""
    folder = "held" if attempt.source.is_hold else "archive"
    return f"{root}/{folder}/dt={attempt.source.dt:%Y-%m-%d}/{_name(attempt)}"


def _name(attempt: Attempt) -> str:
    return f"reprocess-{attempt.source.shard_id}-{attempt.attempt_id}.tar"


def _moment(parameters: Mapping[str, object], name: str) -> datetime:
    text = parameters.get(name)
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise InvalidRequestError(
            f"{name} must be a date and time such as 2026-05-01T00:00:00Z, not {text!r}"
        ) from None
    if moment.tzinfo is None:
        raise InvalidRequestError(f"{name} needs a time zone, such as {moment.isoformat()}Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequestError(f"{name} must be a time that there is in UTC, too, not {text!r}") from None


def _customer(parameters: Mapping[str, object]) -> UUID | None:
    text = parameters.get("customer_id")
    if text is None or text == "":
        return None
    try:
        return UUID(str(text))
    except ValueError:
        raise InvalidRequestError(f"customer_id must be a customer's id, not {text!r}") from None


def _record(parameters: Mapping[str, object]) -> RecordCoordinates | None:
    text = parameters.get("record")
    if text is None or text == "":
        return None
    try:
        return RecordCoordinates.parse(str(text))
    except ValueError:
        raise InvalidRequestError(f"record must be a record's name such as photos.uploaded-0-7, not {text!r}") from None


def _choice(parameters: Mapping[str, object], name: str, choices: Sequence[str]) -> str:
    chosen = str(parameters.get(name, choices[0]))
    if chosen not in choices:
        raise InvalidRequestError(f"{name} must be one of {', '.join(choices)}, not {chosen!r}")
    return chosen


def _any_or(kind: type[Kind], chosen: str) -> Kind | None:
    return None if chosen == ANY else kind(chosen)


def _refuse_what_says_nothing(request: Request) -> None:
    """A filter that the mode would not look at is rather a mistake than a wish."""
    if request.mode is Mode.RENDITIONS and request.reason is not None:
        raise InvalidRequestError("reason chooses dead letters; for renditions leave it at any")
    if request.mode is Mode.RENDITIONS and request.record is not None:
        raise InvalidRequestError("record is a dead letter; for renditions leave it empty")
    if request.mode is Mode.DEAD_LETTERS and request.format is not None:
        raise InvalidRequestError("format chooses renditions; for dead letters leave it at any")
