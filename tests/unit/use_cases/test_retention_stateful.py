"""Both bounds of retention, in whatever order things happen: never early, never late, holds respected.

A state machine plays weeks of a platform's life in memory: photos come and come again, holds are placed and lifted, the
retention runs every hour (late by up to 20 minutes), and at any of a run's calls to the outside world it may be killed,
or something else may happen: a duplicate moves the index, a hold is placed, another run overtakes it.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.retention import Disturbance, Killed, disturbed_ports, kill
from tests.support.retention_witness import Witness

from photo_pipeline.domain.retention import KEEP, LATEST, MARGIN
from photo_pipeline.use_cases.retention import run_retention

CUSTOMER = UUID(int=1)
CONTENTS = (b"A" * 40, b"B" * 40)
CALLS = (
    "book.begin",
    "ledger.unmarked",
    "archive.written_at",
    "ledger.mark",
    "book.removed_until",
    "ledger.ages",
    "ledger.due",
    "ledger.claim",
    "ledger.held_photos",
    "archive.read",
    "archive.create",
    "file.write",
    "file.close",
    "archive.rename",
    "ledger.move",
    "ledger.expire",
    "archive.delete",
    "ledger.record_removed",
    "archive.list",
    "index.slice_states",
    "index.shard_states",
    "index.named",
    "book.note",
    "book.removed",
    "archive.remove_folder",
    "book.end",
)

contents = st.sampled_from(CONTENTS)
hold_names = st.none() | contents
calls = st.sampled_from(CALLS) | st.integers(0, 60)
late = st.integers(0, 9).map(lambda minutes: timedelta(minutes=minutes))
waits = st.builds(
    lambda bound, seconds: bound + timedelta(seconds=seconds),
    st.sampled_from((KEEP, KEEP + MARGIN, KEEP + LATEST)),
    st.integers(-2, 2),
)
delays = st.sampled_from((0, 0, 20)).map(lambda minutes: timedelta(minutes=minutes))


class RetentionMachine(RuleBasedStateMachine):
    """See the module."""

    @initialize(minutes=st.integers(0, 24 * 60), held=st.sets(hold_names), wait=waits, stamped_ago=late)
    def start(self, minutes: int, held: set[bytes | None], wait: timedelta, stamped_ago: timedelta) -> None:
        """Any minute of a day at the end of a short month; the first photos are near one of their bounds already."""
        self.witness = Witness(datetime(2026, 2, 28, tzinfo=UTC) + timedelta(minutes=minutes))
        self.witness.begin(CUSTOMER, *CONTENTS, renamed=True)
        self.witness.commit(stamped_ago)
        for name in held:
            self.witness.place(CUSTOMER, name)
        self.witness.pass_until(self.witness.now + wait)

    @rule(chosen=st.lists(contents, min_size=1, unique=True))
    def ingest(self, chosen: list[bytes]) -> None:
        """A slice is archived."""
        self.witness.ingest(CUSTOMER, *chosen)

    @rule(content=contents, renamed=st.booleans())
    def begin_attempt(self, content: bytes, renamed: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        """A worker has written a shard and takes its time to commit it."""
        self.witness.begin(CUSTOMER, content, renamed=renamed)

    @precondition(lambda self: self.witness.under_way)
    @rule(stamped_ago=late)
    def commit_attempt(self, stamped_ago: timedelta) -> None:
        """It commits at last, in a transaction that began up to nine minutes ago."""
        self.witness.commit(stamped_ago)

    @precondition(lambda self: self.witness.under_way)
    @rule()
    def supersede_attempt(self) -> None:
        """It was dead: another worker has its slice."""
        self.witness.supersede()

    @rule(name=hold_names)
    def place(self, name: bytes | None) -> None:
        """A hold on a photo, or on all of the customer's; it may be refused."""
        self.witness.place(CUSTOMER, name)

    @rule(name=hold_names)
    def lift(self, name: bytes | None) -> None:
        """A hold ends."""
        self.witness.lift(CUSTOMER, name)

    @rule(minutes=st.integers(1, 60 * 60), delay=delays)
    def pass_time(self, minutes: int, delay: timedelta) -> None:
        """Time goes by, with a run every hour."""
        self.witness.pass_until(self.witness.now + timedelta(minutes=minutes), delay)

    @rule(pick=st.integers(0, 1), wait=waits, delay=delays)
    def approach_a_bound(self, pick: int, wait: timedelta, delay: timedelta) -> None:
        """Time goes by until just before, at or after a bound of some photo."""
        promises = list(self.witness.promises.values())
        self.witness.pass_until(promises[pick % len(promises)].committed + wait, delay)

    @rule(at=calls)
    def killed_run(self, at: int | str) -> None:
        """A run dies just before one of its calls."""
        try:
            self._disturbed_run(at, kill)
        except Killed:
            return

    @rule(at=calls)
    def overtaken_run(self, at: int | str) -> None:
        """A run is frozen before one of its calls; another one runs from start to end; the first goes on."""
        self._disturbed_run(at, lambda: run_retention(self.witness.platform.ports))

    @rule(at=calls, content=contents)
    def duplicate_during_run(self, at: int | str, content: bytes) -> None:
        """A slice is committed in the middle of a run."""
        self._disturbed_run(at, lambda: self.witness.ingest(CUSTOMER, content))

    @precondition(lambda self: self.witness.under_way)
    @rule(at=calls, stamped_ago=late)
    def commit_during_run(self, at: int | str, stamped_ago: timedelta) -> None:
        """A file that was there when the run began is committed in the middle of it."""
        self._disturbed_run(at, lambda: self.witness.commit(stamped_ago))

    @rule(at=calls, name=hold_names)
    def hold_during_run(self, at: int | str, name: bytes | None) -> None:
        """A hold is placed in the middle of a run."""
        self._disturbed_run(at, lambda: self.witness.place(CUSTOMER, name))

    @rule(at=calls, name=hold_names)
    def lift_during_run(self, at: int | str, name: bytes | None) -> None:
        """A hold is lifted in the middle of a run."""
        self._disturbed_run(at, lambda: self.witness.lift(CUSTOMER, name))

    def _disturbed_run(self, at: int | str, happens: Callable[[], object]) -> None:
        run_retention(disturbed_ports(self.witness.platform.ports, Disturbance(at, happens)))

    @invariant()
    def promises_are_kept(self) -> None:
        """Both bounds hold at every moment."""
        self.witness.check()


TestRetention = RetentionMachine.TestCase
TestRetention.settings = settings(
    max_examples=1_000 if os.environ.get("PHOTO_PROOFS") == "1" else 100,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
