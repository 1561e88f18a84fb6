"""Real clocks that all show another time, for runs an hour ago or a week from now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from photo_pipeline.domain.clocks import Reading
from photo_pipeline.ports.clock import ClockWitnesses
from photo_pipeline.use_cases.retention import RetentionPorts, RetentionSummary, run_retention

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ShiftedClocks:
    """The ``ClockWitnesses`` port: each clock, so far off."""

    clocks: ClockWitnesses
    off: timedelta

    def readings(self) -> Sequence[Reading]:
        """See the port."""
        return [replace(reading, time=reading.time + self.off) for reading in self.clocks.readings()]


def run_at(ports: RetentionPorts, off: timedelta) -> RetentionSummary:
    """A run of the retention so much later, or earlier, by all clocks."""
    return run_retention(replace(ports, clocks=ShiftedClocks(ports.clocks, off)))
