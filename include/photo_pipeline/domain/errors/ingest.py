"""Failures of taking records in: logs, slices, the archive's members."""

from pathlib import Path

from photo_pipeline.domain.errors.base import PhotoPipelineError
from photo_pipeline.domain.outcomes import RejectReason


class RecordRejected(PhotoPipelineError):  # noqa: N818 - the design's word for this outcome
    """A record that ends as ``rejected``.

    Attributes:
        reason: the machine-readable reason.
        detail: one line for an operator; never the photo's content.
    """

    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason.value}: {detail}")


class LeaseLostError(PhotoPipelineError):
    """Another attempt has taken this slice over: nothing this attempt wrote may be seen."""

    def __init__(self, slice_id: int, attempt: int) -> None:
        super().__init__(f"attempt {attempt} lost its lease on slice {slice_id}; another attempt has it or ended it")


class SliceBusyError(PhotoPipelineError):
    """Another worker holds this slice's lease and is alive."""

    def __init__(self, slice_id: int) -> None:
        super().__init__(f"slice {slice_id} is leased by another worker that still renews its lease")


class ProgressConflictError(PhotoPipelineError):
    """``next_offset`` is not where this slice starts: something else has moved it."""

    def __init__(self, slice_id: int, start: int) -> None:
        super().__init__(f"slice {slice_id} starts at {start}, but the ledger's next_offset is elsewhere")


class OffsetOutOfRangeError(PhotoPipelineError):
    """Kafka no longer has the offset that the ledger wants to read next."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        super().__init__(f"{topic}-{partition} no longer has offset {offset}: it was deleted before it was read")


class LogChangedError(PhotoPipelineError):
    """Kafka has another log in the place of the one that is meant, or none."""

    def __init__(self, log: str) -> None:
        super().__init__(
            f"{log} is not there any more: its topic was deleted or made anew, and no other is read for it"
        )


class LogCutError(PhotoPipelineError):
    """A log does not hold any more what was read of it: it was cut, and may have grown again since."""

    def __init__(self, log: str, offset: int) -> None:
        super().__init__(
            f"{log} was cut below offset {offset}, as by a restored disk or an unclean election; nothing of it is read "
            "until somebody has decided: see photo_settle_log"
        )


class SliceVoidError(PhotoPipelineError):
    """The slice's log ended before it was read."""

    def __init__(self, slice_id: int) -> None:
        super().__init__(f"slice {slice_id} is void: its log ended before it was read")


class InvalidLogRequestError(PhotoPipelineError):
    """What an operator asked about logs cannot be meant."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"invalid request: {problem}")


class NothingToSettleError(PhotoPipelineError):
    """Nothing is wrong with the logs that an operator wants to settle."""

    def __init__(self, topic: str, partition: int | None) -> None:
        which = f"no log of {topic}" if partition is None else f"no log {topic}-{partition}"
        super().__init__(f"{which} was made anew or cut: there is nothing to settle")


class ArchiveMemberError(PhotoPipelineError):
    """A shard does not hold what the index says it holds."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")


class RecordKeysError(PhotoPipelineError):
    """The file named by ``PHOTO_RECORDS_KEYS_FILE`` holds no usable keys."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"PHOTO_RECORDS_KEYS_FILE={path}: {detail}; it must hold the public Ed25519 keys of the web applications "
            "as JWK Set, as the upload API shows them at /.well-known/jwks.json"
        )
