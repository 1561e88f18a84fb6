"""The sums of days that outlive the records they are of."""

from datetime import date
from typing import Protocol


class Tally(Protocol):
    """Adds committed slices to their days. Each method is one transaction."""

    def count(self, slices: int) -> int:
        """Add up to ``slices`` slices that were not added yet, oldest first; how many there were."""
        ...

    def gather(self) -> int:
        """Add what has changed of records since their commit to the days of their acceptance; how many entries."""
        ...

    def forget(self, before: date) -> int:
        """Delete what the search index is compared with of acceptances before that day; how many rows."""
        ...
