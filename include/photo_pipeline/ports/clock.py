"""Where the time comes from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from photo_pipeline.domain.clocks import Reading


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The time, with a zone."""
        ...


class ClockWitnesses(Protocol):
    """The clocks of several machines, none of which is believed alone."""

    def readings(self) -> Sequence[Reading]:
        """What each of them shows now.

        Raises:
            ServerUnavailableError: when one of the machines does not answer.
        """
        ...
