"""Failures of erasing, and of its proofs."""

from collections.abc import Sequence
from pathlib import Path

from photo_pipeline.domain.errors.base import PhotoPipelineError


class InvalidEraseRequestError(PhotoPipelineError):
    """What an operator wants to have erased cannot be meant."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"invalid request: {problem}")


class ErasureHeldError(PhotoPipelineError):
    """An operator's hold names what is to be erased: holds win, and nothing was erased."""

    def __init__(self, holds: Sequence[str]) -> None:
        super().__init__(f"nothing was erased, as it is held: {'; '.join(holds)}. photo_hold lifts a hold")


class NothingToEraseError(PhotoPipelineError):
    """Nobody has such a photo, or there is no such customer.

    Args:
        subject: what was to be erased.
        before: whether it was asked for before.
        unproven: the run that asked, where that has not come to its end.
    """

    def __init__(self, subject: str, *, before: bool, unproven: str | None = None) -> None:
        known = "it has been erased before" if before else "what waits in Kafka can be erased once it is processed"
        if unproven is not None:
            known = f"run {unproven} has begun to erase it and is not done: clear its failed task"
        super().__init__(f"there is no such {subject}: {known}")


class ErasureUnfinishedError(PhotoPipelineError):
    """Something still has what is to be erased; tried again later, the erasure goes on."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"not yet erased: {problem}")


class RewriteSupersededError(PhotoPipelineError):
    """Another attempt writes this shard anew, or the retention has it: nothing of this one may be seen."""

    def __init__(self, shard_id: int) -> None:
        super().__init__(f"shard {shard_id} has changed while it was being written anew")


class PhotoErasedError(PhotoPipelineError):
    """A photo was erased while its slice was being processed: tried again, the slice leaves it out."""

    def __init__(self, slice_id: int) -> None:
        super().__init__(f"a photo of slice {slice_id} was erased after it was read; the slice is tried again")


class ErasureKeysError(PhotoPipelineError):
    """The file named by ``PHOTO_ERASURE_KEYS_FILE`` holds no keys that anybody may see."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"PHOTO_ERASURE_KEYS_FILE={path}: {detail}; it must hold public Ed25519 keys as JWK Set")


class ErasureKeyError(PhotoPipelineError):
    """The file named by ``PHOTO_ERASURE_KEY_FILE`` holds no key that proofs of erasure could be signed with."""

    def __init__(self, path: Path | None, detail: str) -> None:
        super().__init__(f"PHOTO_ERASURE_KEY_FILE={path or ''}: {detail}; it must hold a private Ed25519 key as JWK")
