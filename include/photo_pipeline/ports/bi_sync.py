"""What the sync to the search index reads, writes and remembers."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from photo_pipeline.domain.documents import (
    CommitPosition,
    Document,
    IndexReport,
    OutcomeRow,
    RefusedDocument,
    SyncProgress,
)


class OutcomeSource(Protocol):
    """The outcomes that analysts may see, in the order in which they were committed."""

    def horizon(self) -> int:
        """The oldest transaction that still runs: all below it have ended, and no row below it is yet to appear."""
        ...

    def ahead(self) -> int | None:
        """A transaction that rows name though this database has not come to it yet: they were restored from a dump."""
        ...

    def page(self, after: CommitPosition, horizon: int, limit: int) -> Sequence[OutcomeRow]:
        """Up to ``limit`` rows after that position and below the horizon, in commit order."""
        ...

    def named(self, document_ids: Collection[str]) -> Sequence[OutcomeRow]:
        """The rows of these documents as they are now; those of no row are left out."""
        ...

    def count(self, horizon: int | None = None) -> int:
        """How many rows there are, or how many that no transaction at or above the horizon has changed."""
        ...

    def oldest(self) -> datetime | None:
        """When the oldest outcome was settled that is still kept; ``None`` where there is none."""
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


class Renamings(Protocol):
    """Customers with another name, which analysts see with each of their outcomes."""

    def follow(self, records: int) -> bool:
        """Have up to ``records`` more outcomes of one of them count as changed; ``False`` where there was nobody."""
        ...


class RefusedRegister(Protocol):
    """Which documents the index did not take."""

    def note(self, refused: Sequence[RefusedDocument]) -> None:
        """Remember these; what is remembered already gets the newer reason."""
        ...

    def settle(self, refused: Collection[RefusedDocument]) -> None:
        """Forget these."""
        ...

    def clear(self) -> None:
        """Forget all."""
        ...

    def months(self) -> Sequence[str]:
        """The months that have some, oldest first."""
        ...

    def page(self, month: str, after: str, limit: int) -> Sequence[RefusedDocument]:
        """Up to ``limit`` of a month with greater ids than ``after``, by their ids."""
        ...

    def count(self) -> int:
        """How many there are."""
        ...


class SearchIndex(Protocol):
    """Elasticsearch, as the sync uses it. Every method raises ``ServerUnavailableError`` when the server is away.

    A generation is one whole copy of the outcomes, counted from 1; analysts see one of them.
    """

    def generation(self) -> int:
        """The one that analysts see; 0 where they see none."""
        ...

    def is_empty(self) -> bool:
        """Whether what analysts see is known to hold no document; of an index that is closed nobody knows."""
        ...

    def is_outdated(self) -> bool:
        """Whether documents of an older form are among those that analysts see."""
        ...

    def clear(self, generation: int) -> None:
        """Remove what there is of a generation that nobody sees."""
        ...

    def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
        """Store the documents, each unless a newer version of it is there. Every single one is accounted for.

        Several threads may write at once.

        Args:
            documents: to be stored.
            generation: where; what analysts see when left out, the first one where they see none.

        Raises:
            AliasTakenError: when an index has the alias' name.
            IndexNotPreparedError: when the template is not installed.
            SearchRequestError: when the account may not write at all.
            ServerUnavailableError: also when the server stays overloaded.
        """
        ...

    def count(self, generation: int | None = None) -> int:
        """How many documents a generation has, or what analysts see; all that was written is counted."""
        ...

    def publish(self, generation: int) -> None:
        """Show analysts this generation instead of the one they see, in one step; then remove all others."""
        ...

    def forget(self, before: str) -> Sequence[str]:
        """Remove the months before this one, ``YYYY.MM``; which they were."""
        ...

    def refresh(self) -> None:
        """Make all that was written visible to searches."""
        ...
