"""The months that the ledger's tables are partitioned by."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from photo_pipeline.domain.months import MonthFacts
from photo_pipeline.domain.removal import RemovedThing


class LedgerMonths(Protocol):
    """Makes partitions and drops them. A month is named by its first day, in UTC."""

    def there(self) -> Sequence[date]:
        """The months that have a partition in every one of the ledger's tables, oldest first."""
        ...

    def unsorted(self) -> Sequence[date]:
        """The months of which records wait in the partition that takes what has no month yet."""
        ...

    def add(self, month: date) -> None:
        """Make a month's partitions, and move there what waits of it; once they are there, do nothing.

        Raises:
            ServerUnavailableError: when the tables are in use for too long; whoever uses them goes first.
        """
        ...

    def oldest(self) -> date | None:
        """The oldest month of which anything is left."""
        ...

    def facts(self, month: date) -> MonthFacts:
        """What is in a month. Linear in that month."""
        ...

    def forget_slices(self, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` slices committed before then, with their removed shards; how many there were."""
        ...

    def forget_photos(self, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` photos that had expired by then, or that records from before then alone have brought.

        Of the latter those stay that were held, and have expired much later. How many there were.
        """
        ...

    def drop(self, month: date, run_id: int, thing: RemovedThing, now: datetime) -> None:
        """Drop a month, and keep on record that it is gone.

        Raises:
            ServerUnavailableError: as for ``add``.
        """
        ...
