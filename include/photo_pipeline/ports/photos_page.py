"""Where the page's figures come from. Whatever asks a server may raise ``ServerUnavailableError``."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.forms import Feedable, Named
from photo_pipeline.domain.logs import KnownLog, LogTrouble
from photo_pipeline.domain.photo import RecordCoordinates, TopicPartition
from photo_pipeline.domain.photos_page import DagState, OutcomeCount, Overview, Rejected, Slice, Waiting
from photo_pipeline.domain.reprocess import Request


class LedgerView(Protocol):
    """The ledger, read only, at a cost that does not grow with its history."""

    def overview(self) -> Overview:
        """All but the outcomes over time."""
        ...

    def logs(self) -> Sequence[KnownLog]:
        """Every log that the ledger knows."""
        ...

    def outcomes(self, window: timedelta, interval: timedelta) -> Sequence[OutcomeCount]:
        """Outcomes of the window that ends now, by whole intervals of UTC."""
        ...

    def slice(self, slice_id: int) -> Slice | None:
        """One slice."""
        ...

    def rejected(self, where: RecordCoordinates) -> Rejected | None:
        """One rejected record."""
        ...


class Backlog(Protocol):
    """Kafka, as far as anything waits there."""

    def waiting(self, known: Sequence[KnownLog], now: datetime) -> Mapping[TopicPartition, Waiting]:
        """What waits in every partition of the incoming topics, also where nothing does."""
        ...

    def troubles(self, known: Sequence[KnownLog]) -> Sequence[LogTrouble]:
        """What is wrong with the incoming topics' logs. What is known was known before this is asked."""
        ...


class SearchIndex(Protocol):
    """Elasticsearch."""

    def documents(self) -> int:
        """How many outcomes analysts see."""
        ...

    def index_of(self, document_id: str) -> str | None:
        """The name of the index that holds this document; ``None`` where none does."""
        ...


class FormPreviews(Protocol):
    """What a form's request would do."""

    def feedable(self, request: Request) -> Feedable:
        """The dead letters that it would feed again, counted up to a limit."""
        ...

    def named(self, photo_id: UUID | None, customer_id: UUID | None) -> Named:
        """What is there of a photo; without one, of all of the customer's, counted up to a limit."""
        ...


class Previews(Protocol):
    """Small pictures of rejected records."""

    def jpeg(self, where: RecordCoordinates) -> bytes:
        """A new JPEG of a thumb's size, made by a disposable process.

        Raises:
            NoPreviewError: when there is none, and why.
        """
        ...


class Dags(Protocol):
    """Airflow's own view of the platform's DAGs."""

    def states(self) -> Sequence[DagState]:
        """Each DAG that Airflow knows of the platform's."""
        ...
