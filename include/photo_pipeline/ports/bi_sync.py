"""What the sync to the search index reads, writes and remembers."""

from collections.abc import Sequence
from typing import Protocol

from photo_pipeline.domain.documents import CommitPosition, Document, IndexReport, OutcomeRow, SyncProgress


class OutcomeSource(Protocol):
    """The outcomes that analysts may see, in the order in which they were committed."""

    def horizon(self) -> int:
        """The oldest transaction that still runs: all below it have ended, and no row below it is yet to appear."""
        ...

    def page(self, after: CommitPosition, horizon: int, limit: int) -> Sequence[OutcomeRow]:
        """Up to ``limit`` rows after that position and below the horizon, in commit order."""
        ...


class SyncState(Protocol):
    """Where the sync keeps its progress between runs."""

    def load(self) -> SyncProgress:
        """The progress; watermark 0 where there has been none."""
        ...

    def advance(self, seen: SyncProgress, to: SyncProgress) -> None:
        """Replace the progress that was seen.

        Raises:
            SyncConflictError: when the watermark is no longer the one seen.
        """
        ...


class SearchIndex(Protocol):
    """Elasticsearch, as the sync uses it."""

    def is_empty(self) -> bool:
        """Whether there is no index at all."""
        ...

    def write(self, documents: Sequence[Document]) -> IndexReport:
        """Store the documents, each unless a newer version of it is there. Every single one is accounted for.

        Raises:
            IndexingFailedError: when one was refused; others may have been stored.
            AliasTakenError, IndexNotPreparedError: when no index can be made; they say what to do.
            ServerUnavailableError: when the server is away or stays overloaded.
        """
        ...

    def refresh(self) -> None:
        """Make all that was written visible to searches."""
        ...
