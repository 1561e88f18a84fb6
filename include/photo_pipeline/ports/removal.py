"""The book in which it stands what was removed for good, by which run, and what an operator permits."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from photo_pipeline.domain.clocks import Reading
from photo_pipeline.domain.removal import Removal, RemovedThing, RunEnding
from photo_pipeline.domain.removal_permit import PermitRequest


class RemovalBook(Protocol):
    """What runs that remove for good write down, and read of the runs before them."""

    def begin(self, name: str, readings: Sequence[Reading], now: datetime | None) -> int:
        """A run begins; ``now`` is what its clocks agree on, if they do. Its id."""
        ...

    def end(self, run_id: int, ending: RunEnding) -> None:
        """The run has ended."""
        ...

    def removed_until(self, looked_by: datetime, not_after: datetime) -> datetime | None:
        """The latest time up to which a run that looked by then has tried all that was due; ``None`` for none.

        A time after ``not_after`` is not believed: the clocks were ahead.
        """
        ...

    def permitted(self, what: Removal, run_name: str, now: datetime) -> int:
        """How much an operator permits this run to remove, which uses the permit up; 0 where there is none."""
        ...

    def record(self, run_id: int, things: Sequence[RemovedThing], now: datetime) -> None:
        """These were removed."""
        ...

    def note(self, run_id: int, things: Sequence[RemovedThing], now: datetime) -> None:
        """These files are to be removed by a later run. What was noted before keeps its time."""
        ...

    def noted(self, by: datetime) -> set[str]:
        """The files that were noted by then and are not removed."""
        ...

    def removed(self, run_id: int, path: str, now: datetime) -> None:
        """A file that was noted is gone."""
        ...

    def keep_notes(self, paths: Collection[str]) -> None:
        """Strike out what was noted and is none of these files: somebody has come to need it, or it is gone."""
        ...


class PermitBook(Protocol):
    """Where operators' permits stand."""

    def grant(self, request: PermitRequest) -> int:
        """Permit the next run that needs it to remove so much; the permit's number. It is good for a day."""
        ...
