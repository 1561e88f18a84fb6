"""Failures of processing again."""

from collections.abc import Sequence

from photo_pipeline.domain.errors.base import PhotoPipelineError


class InvalidRequestError(PhotoPipelineError):
    """A request to reprocess that cannot be meant."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"invalid request: {problem}")


class RequestBusyError(PhotoPipelineError):
    """Another task works on the same request right now."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"another task works on request {request_id}; try again once it has ended")


class AttemptSupersededError(PhotoPipelineError):
    """Another attempt of the same request has taken this shard over: nothing of this one may be seen."""

    def __init__(self, attempt_id: int) -> None:
        super().__init__(f"reprocess attempt {attempt_id} was superseded, or has ended")


class SourceGoneError(PhotoPipelineError):
    """The shard whose photos were derived again is about to expire, or has."""

    def __init__(self, shard_id: int) -> None:
        super().__init__(f"shard {shard_id} has had its time: its photos are left to retention")


class OriginalsDamagedError(PhotoPipelineError):
    """Originals that are not what their customers sent; everything else was derived again."""

    def __init__(self, damaged: Sequence[str]) -> None:
        named = "; ".join(damaged[:10])
        super().__init__(f"{len(damaged)} originals are damaged and were left where they are: {named}")
