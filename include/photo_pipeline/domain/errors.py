"""One class per failure of the domain. Each builds its own message."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

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


class ServerUnavailableError(PhotoPipelineError):
    """A server did not answer; trying again later may help."""

    def __init__(self, server: str, detail: str) -> None:
        self.server = server
        super().__init__(f"{server} does not answer: {detail}")


class UnstorableError(PhotoPipelineError):
    """A value that the database cannot hold: no text, or a number or time out of its range."""


class MachineBusyError(PhotoPipelineError):
    """This machine kept a photo's decoder from doing its work: nothing is known about the photo, and later may help."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"this machine is too busy to decode photos, and none is rejected for that: {detail}")


class ArchiveMemberError(PhotoPipelineError):
    """A shard does not hold what the index says it holds."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")


class SyncConflictError(PhotoPipelineError):
    """Another run moved the sync's watermark: this one must not go on from what it saw."""

    def __init__(self, seen: int) -> None:
        super().__init__(f"the BI sync's watermark is no longer {seen}: another run is at work, or has finished")


class WatermarkAheadError(PhotoPipelineError):
    """Watermark or rows name a transaction that this database has not reached: a restored dump counts from anew."""

    def __init__(self, watermark: int, horizon: int) -> None:
        super().__init__(
            f"the BI sync stands at transaction {watermark}, but the database is only at {horizon}: after restoring a "
            "dump, run UPDATE ledger_state SET version = version + 1, updated_xid = DEFAULT, then photo_bi_sync with "
            "full resync"
        )


class IndexingFailedError(PhotoPipelineError):
    """The search index refused documents, and asking again would not help."""

    def __init__(self, failed: int, first: str) -> None:
        super().__init__(f"the search index refused {failed} documents, first: {first}")


class DocumentsRefusedError(PhotoPipelineError):
    """The search index did not take some documents. Everything else was synced."""

    def __init__(self, count: int, examples: Sequence[str]) -> None:
        self.count = count
        super().__init__(
            f"the search index refuses {count} documents, all others are synced; they are tried again in each run; "
            f"first: {'; '.join(examples)}"
        )


class IndexIncompleteError(PhotoPipelineError):
    """A new generation of the search index does not count what the ledger does."""

    def __init__(self, documents: int, least: int, most: int) -> None:
        super().__init__(
            f"the new search index has {documents} documents, but the ledger {least} to {most} outcomes: analysts keep "
            "the index that they see; trigger photo_bi_sync with full again"
        )


class GenerationRefusedError(PhotoPipelineError):
    """A new generation of the search index refuses so much that analysts would see less than they do."""

    def __init__(self, count: int, documents: int, examples: Sequence[str]) -> None:
        super().__init__(
            f"the new search index refuses {count} of {documents} documents: analysts keep the index that they see; "
            f"run platform_setup if it has not run since the upgrade; first: {'; '.join(examples)}"
        )


class IndexNotPreparedError(PhotoPipelineError):
    """The search index has no template, so that documents would be mapped by guessing."""

    def __init__(self, index: str, alias: str) -> None:
        super().__init__(f"index {index} does not belong to alias {alias}: run platform_setup, it brings the template")


class AliasTakenError(PhotoPipelineError):
    """There is an index where the alias of the monthly indices must be, so that none of them can be made."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            f"Elasticsearch has an index named {alias}, which must be the alias of the monthly indices: something "
            f"wrote to it by mistake; delete it (DELETE /{alias}), then run platform_setup and photo_bi_sync with full"
        )


class MappingConflictError(PhotoPipelineError):
    """An index that exists maps a field in another way, which only a new index can change."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"the mapping cannot be brought up to date, delete the index and resync in full: {detail}")


class SearchRequestError(PhotoPipelineError):
    """The search server refused a request as a whole: wrong log-in, missing right, wrong address."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"Elasticsearch refused the request ({status}): {reason}")


class UnusableConnectionError(PhotoPipelineError):
    """An Airflow connection lacks something, or holds what cannot be used."""

    def __init__(self, connection_id: str, problem: str) -> None:
        super().__init__(f"connection {connection_id}: {problem}")


class CertificateFileError(PhotoPipelineError):
    """The file that says whose certificates to trust is no use."""

    def __init__(self, path: Path | None, reason: str) -> None:
        super().__init__(f"no certificates in {path}, which ca_certs or PHOTO_..._CA_FILE names: {reason}")


class DashboardRequestError(PhotoPipelineError):
    """Kibana refused a request: wrong log-in, missing right, wrong address."""

    def __init__(self, request: str, status: int, reason: str) -> None:
        super().__init__(f"Kibana refused {request} ({status}): {reason}")


class DashboardsRefusedError(PhotoPipelineError):
    """Kibana did not take every saved object."""

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__(f"Kibana did not take the dashboards: {'; '.join(failures) or 'it does not say why'}")


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


class TooFewClocksError(PhotoPipelineError):
    """There is no second clock to hold the first one against."""

    def __init__(self, clocks: int) -> None:
        super().__init__(f"what cannot be undone needs two clocks that agree, and there are {clocks}")


class ClocksApartError(PhotoPipelineError):
    """The clocks of the machines differ: nobody knows how old anything is, so nothing is removed."""

    def __init__(self, difference: str, tolerance: timedelta) -> None:
        minutes = tolerance.total_seconds() / 60
        super().__init__(
            f"{difference}: nothing is removed until they agree within {minutes:g} min; set the wrong clock right, and "
            "the next run goes on by itself"
        )


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


class CleanupFailedError(PhotoPipelineError):
    """Airflow could not clean its own database; what it said last."""

    def __init__(self, said: str) -> None:
        super().__init__(f"airflow db clean failed: {said}")


class RecordKeysError(PhotoPipelineError):
    """The file named by ``PHOTO_RECORDS_KEYS_FILE`` holds no usable keys."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"PHOTO_RECORDS_KEYS_FILE={path}: {detail}; it must hold the public Ed25519 keys of the web applications "
            "as JWK Set, as the upload API shows them at /.well-known/jwks.json"
        )


class InvalidEraseRequestError(PhotoPipelineError):
    """What an operator wants to have erased cannot be meant."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"invalid request: {problem}")


class ErasureHeldError(PhotoPipelineError):
    """An operator's hold names what is to be erased: holds win, and nothing was erased."""

    def __init__(self, holds: Sequence[str]) -> None:
        super().__init__(f"nothing was erased, as it is held: {'; '.join(holds)}. photo_hold lifts a hold")


class NothingToEraseError(PhotoPipelineError):
    """Nobody has such a photo, or there is no such customer."""

    def __init__(self, subject: str, *, before: bool) -> None:
        known = "it has been erased before" if before else "what waits in Kafka can be erased once it is processed"
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
