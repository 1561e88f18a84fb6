"""What an operator may ask about logs, checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from photo_pipeline.domain.errors import InvalidLogRequestError
from photo_pipeline.domain.form_fields import text_of

PARTITION_DIGITS = 10


@dataclass(frozen=True, slots=True)
class LogRequest:
    """A checked request to settle what is wrong with logs.

    Attributes:
        topic: whose logs.
        partition: of the topic; ``None`` for all of them.
        reason: why nothing more is to be hoped for.
        by: who decides.
    """

    topic: str
    partition: int | None
    reason: str
    by: str


def parse_log_request(parameters: Mapping[str, object]) -> LogRequest:
    """Check what an operator filled in.

    Raises:
        InvalidLogRequestError: with one line that names the field and what it should be.
    """
    topic, reason, by = (text_of(parameters, name) for name in ("topic", "reason", "by"))
    if not topic:
        raise InvalidLogRequestError("topic must name the topic whose logs are to be settled")
    if not reason:
        raise InvalidLogRequestError("reason must say why what was not read is given up")
    if not by:
        raise InvalidLogRequestError("by must say who decides")
    if not (topic + reason + by).replace("\n", " ").isprintable():
        raise InvalidLogRequestError("topic, reason and by must be text that can be printed")
    return LogRequest(topic, _partition(parameters.get("partition")), reason, by)


def _partition(value: object) -> int | None:
    if value is None or value == "":
        return None
    text = str(value).strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= PARTITION_DIGITS):
        raise InvalidLogRequestError(f"partition must be a number such as 0, or empty for all, not {text[:40]!r}")
    return int(text)
