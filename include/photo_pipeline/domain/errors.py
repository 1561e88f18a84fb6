"""One class per failure of the domain. Each builds its own message."""

from photo_pipeline.domain.outcomes import RejectReason


class PhotoPipelineError(Exception):
    """Whatever this package raises on purpose."""


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


class ServerUnavailableError(PhotoPipelineError):
    """A server did not answer; trying again later may help."""

    def __init__(self, server: str, detail: str) -> None:
        self.server = server
        super().__init__(f"{server} does not answer: {detail}")


class ArchiveMemberError(PhotoPipelineError):
    """A shard does not hold what the index says it holds."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
