"""What deciding about logs needs of the ledger."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from photo_pipeline.domain.logs import KnownLog, LogChange
from photo_pipeline.domain.photo import Log


class LogBook(Protocol):
    """Where the ledger keeps which logs there are."""

    def logs(self) -> Sequence[KnownLog]:
        """Every log that the ledger knows, those that are over too."""
        ...

    def follow(self, changes: Iterable[LogChange]) -> None:
        """Note what was seen of Kafka's logs. Seen twice, or late, it does no harm."""
        ...

    def settle(self, logs: Sequence[Log], by: str, reason: str) -> None:
        """Give up what was never read of these logs, for good: no slice of theirs can be committed any more."""
        ...
