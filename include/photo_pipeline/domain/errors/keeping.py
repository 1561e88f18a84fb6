"""Failures of holds, retention and reconciliation."""

from collections.abc import Sequence
from uuid import UUID

from photo_pipeline.domain.errors.base import PhotoPipelineError


class ClaimLostError(PhotoPipelineError):
    """Another retention run has claimed this shard: this one must leave it alone."""

    def __init__(self, shard_id: int) -> None:
        super().__init__(f"shard {shard_id} was claimed anew by another retention run, or has been removed")


class RetentionIncompleteError(PhotoPipelineError):
    """Some shards could not be removed in time; everything else was done, and the next run tries them again."""

    SHOWN = 10

    def __init__(self, failures: Sequence[str]) -> None:
        shown = failures[: self.SHOWN]
        more = [f"and {len(failures) - len(shown)} more, see the log"] if len(failures) > len(shown) else []
        super().__init__("not everything that is due could be removed: " + "; ".join([*shown, *more]))


class UnknownCustomerError(PhotoPipelineError):
    """There is no such customer."""

    def __init__(self, customer_id: UUID) -> None:
        super().__init__(f"there is no customer {customer_id}")


class UnknownPhotoError(PhotoPipelineError):
    """This customer has no such photo."""

    def __init__(self, customer_id: UUID, photo_id: UUID) -> None:
        super().__init__(f"customer {customer_id} has no photo {photo_id}")


class PhotoExpiredError(PhotoPipelineError):
    """The photo is gone: there is nothing left to hold."""

    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"photo {photo_id} has expired: there is nothing left to hold")


class PhotoBinnedError(PhotoPipelineError):
    """Its customer has put the photo into the bin, and cannot do this with it before it is restored."""


class InvalidHoldError(PhotoPipelineError):
    """A hold that does not say why, or by whom."""

    def __init__(self, missing: str) -> None:
        super().__init__(f"a hold needs {missing}")


class NoSuchPhotoError(PhotoPipelineError):
    """Nobody has such a photo."""

    def __init__(self, photo_id: UUID) -> None:
        super().__init__(f"there is no photo {photo_id}")


class InvalidHoldRequestError(PhotoPipelineError):
    """What an operator asked about a hold cannot be meant."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"invalid request: {problem}")


class ReconciliationFindingsError(PhotoPipelineError):
    """The reconciliation found what it cannot repair, or could not be completed."""

    def __init__(self, found: int, named: Sequence[str], unfinished: Sequence[str]) -> None:
        parts = [f"{found} findings"] if found else []
        parts += [f"unfinished checks: {', '.join(unfinished)}"] if unfinished else []
        more = [f"and {found - len(named)} more in the table reconciliation"] if found > len(named) else []
        super().__init__("; ".join([", ".join(parts), *named, *more]))


class MassRemovalError(PhotoPipelineError):
    """A run was about to remove more than can have come due since the last one."""

    def __init__(self, what: str, count: int, live: int, since: str) -> None:
        super().__init__(
            f"{count} of {live} {what} would go at once, and {since}: that is more than an outage explains, so none of "
            "them was removed; look at the clocks, and where it is right permit it with photo_removal_permit"
        )


class UnnamedFilesError(PhotoPipelineError):
    """More files without a shard than killed workers leave behind."""

    def __init__(self, count: int, files: int) -> None:
        super().__init__(
            f"{count} of {files} files in the archive are named by no shard: the ledger is rather to be doubted, so "
            "none of them was removed; where it is right, permit it with photo_removal_permit"
        )


class UnknownFilesError(PhotoPipelineError):
    """Many files that the ledger cannot place: it is not the one under which they were written."""

    def __init__(self, count: int, files: int) -> None:
        super().__init__(
            f"{count} of {files} files in the archive are unknown to this ledger and were left alone: has it been "
            "restored from a backup?"
        )


class InvalidPermitRequestError(PhotoPipelineError):
    """What an operator wants to permit cannot be meant."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"invalid request: {problem}")
