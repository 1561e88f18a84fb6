"""Which rejected records may be looked at. Never their bytes: only what a disposable process makes of them."""

from photo_pipeline.domain.outcomes import RejectReason

SHOWN = frozenset(
    {
        RejectReason.NOT_A_CLOUDEVENT,
        RejectReason.UNKNOWN_EVENT_TYPE,
        RejectReason.INVALID_CUSTOMER,
        RejectReason.UNKNOWN_CUSTOMER,
        RejectReason.INVALID_TIME,
        RejectReason.SHA256_MISMATCH,
        RejectReason.PHOTO_ID_MISMATCH,
        RejectReason.UNSIGNED,
        RejectReason.INVALID_SIGNATURE,
        RejectReason.DEVICE_REVOKED,
    }
)
"""Refused for what was said about the photo. Where the photo itself was refused, its decoder has had its chance."""
