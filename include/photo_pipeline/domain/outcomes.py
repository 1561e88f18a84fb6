"""What becomes of a Kafka record, and why it may be refused."""

from enum import StrEnum


class Outcome(StrEnum):
    """The end of one offset. Every offset of a topic-partition gets exactly one."""

    PROCESSED = "processed"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    ABSENT = "absent"
    """Kafka never assigned this offset to a record, or no longer had it when it was read."""


class RejectReason(StrEnum):
    """Why a record or an upload is refused. The values are stored and shown: do not rename them."""

    # the record does not follow the Kafka contract
    NOT_A_CLOUDEVENT = "not_a_cloudevent"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    INVALID_CUSTOMER = "invalid_customer"
    UNKNOWN_CUSTOMER = "unknown_customer"
    INVALID_TIME = "invalid_time"
    SHA256_MISMATCH = "sha256_mismatch"
    PHOTO_ID_MISMATCH = "photo_id_mismatch"
    # nobody has proven to have sent it
    UNSIGNED = "unsigned"
    INVALID_SIGNATURE = "invalid_signature"
    DEVICE_REVOKED = "device_revoked"
    # the bytes are not a photo that can be used
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_MANY_PIXELS = "too_many_pixels"
    DECODER_TIMEOUT = "decoder_timeout"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_OUT_OF_MEMORY = "decoder_out_of_memory"
    # it was here, and an operator has had it erased
    ERASED = "erased"

    @property
    def sentence(self) -> str:
        """The reason as a person would say it."""
        return _SENTENCES[self]


class AbsentReason(StrEnum):
    """Why an offset holds no record."""

    NO_RECORD = "no_record"
    """A transaction marker, or a record that compaction took away: there is nothing to read."""
    DELETED_BY_KAFKA = "deleted_by_kafka"
    """The topic's retention removed it before it was read: an incident, reported by the reconciliation."""
    LOG_LOST = "log_lost"
    """Its log is gone, and an operator has given up what was not read of it: said of receipts, kept of no offset."""

    @property
    def sentence(self) -> str:
        """The reason as a person would say it. The same for all: whoever has a receipt had a record."""
        return "The photo was lost before it could be processed. Please send it again."


_SENTENCES = {
    RejectReason.NOT_A_CLOUDEVENT: "The record does not carry the headers that a photo event needs.",
    RejectReason.UNKNOWN_EVENT_TYPE: "The event is of a type that this platform does not know.",
    RejectReason.INVALID_CUSTOMER: "The record does not say which customer it belongs to.",
    RejectReason.UNKNOWN_CUSTOMER: "There is no such customer.",
    RejectReason.INVALID_TIME: "The time in the event could not be read.",
    RejectReason.SHA256_MISMATCH: "The photo's bytes are not the ones that were sent.",
    RejectReason.PHOTO_ID_MISMATCH: "The record's key does not fit the photo in it.",
    RejectReason.UNSIGNED: "The record does not prove who has sent it.",
    RejectReason.INVALID_SIGNATURE: "The record's signature does not hold.",
    RejectReason.DEVICE_REVOKED: "The device that sent the photo had been revoked.",
    RejectReason.EMPTY: "The file is empty.",
    RejectReason.TOO_LARGE: "The file is larger than 32 MiB.",
    RejectReason.NOT_AN_IMAGE: "The file is not a photo in a format that can be read here.",
    RejectReason.UNSUPPORTED: "The photo is stored in a way that cannot be read here.",
    RejectReason.TRUNCATED: "The photo is cut off: part of the file is missing.",
    RejectReason.CORRUPT: "The photo is damaged and could not be opened.",
    RejectReason.TOO_MANY_PIXELS: "The photo has more pixels than can be handled.",
    RejectReason.DECODER_TIMEOUT: "The photo took too long to open.",
    RejectReason.DECODER_CRASHED: "The photo could not be opened.",
    RejectReason.DECODER_OUT_OF_MEMORY: "The photo needs more memory to open than is allowed.",
    RejectReason.ERASED: "The photo was erased here and is not taken again.",
}
