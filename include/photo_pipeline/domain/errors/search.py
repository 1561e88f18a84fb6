"""Failures of the BI sync, its index and its dashboards."""

from collections.abc import Sequence

from photo_pipeline.domain.errors.base import PhotoPipelineError


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


class DashboardRequestError(PhotoPipelineError):
    """Kibana refused a request: wrong log-in, missing right, wrong address."""

    def __init__(self, request: str, status: int, reason: str) -> None:
        super().__init__(f"Kibana refused {request} ({status}): {reason}")


class DashboardsRefusedError(PhotoPipelineError):
    """Kibana did not take every saved object."""

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__(f"Kibana did not take the dashboards: {'; '.join(failures) or 'it does not say why'}")
