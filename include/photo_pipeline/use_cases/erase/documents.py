"""Documents of blanked records are written again as their rows are now, and looked at afterwards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from photo_pipeline.domain.documents import document_of
from photo_pipeline.domain.errors import ErasureUnfinishedError
from photo_pipeline.ports.bi_sync import OutcomeSource, SearchIndex
from photo_pipeline.ports.erase import ErasureLedger
from photo_pipeline.ports.reconcile import SearchAudit

PAGE = 1000
NAMING = ("photo_id", "camera", "taken_at", "taken_at_offset")
"""What no document of an erased photo has."""


@dataclass(frozen=True, slots=True)
class DocumentPorts:
    """The outside world, as blanking documents needs it."""

    ledger: ErasureLedger
    outcomes: OutcomeSource
    index: SearchIndex
    search: SearchAudit


def blank_documents(erasure_id: int, ports: DocumentPorts) -> int:
    """Write them and see that they say nothing of it any more; how many there are.

    Raises:
        ErasureUnfinishedError: when the index does not take one, or one still names the photo.
        ServerUnavailableError: when the search index is away.
    """
    total = 0
    for names in _pages(erasure_id, ports.ledger):
        rows = ports.outcomes.named(names)
        refused = ports.index.write([document_of(row) for row in rows]).refused
        if refused:
            raise ErasureUnfinishedError(f"the search index refuses document {refused[0].document_id}")
        total += len(rows)
    ports.search.refresh()
    for names in _pages(erasure_id, ports.ledger):
        for stored in ports.search.fetch(names):
            if any(name in stored.body for name in NAMING):
                raise ErasureUnfinishedError(f"document {stored.document_id} still names it")
    return total


def _pages(erasure_id: int, ledger: ErasureLedger) -> Iterator[Sequence[str]]:
    after: str | None = None
    while names := ledger.documents(erasure_id, after, PAGE):
        yield names
        after = names[-1]
