"""A run of the reconciliation: its groups of checks, what they have in common, and the verdict."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from photo_pipeline.domain.errors import ReconciliationFindingsError
from photo_pipeline.domain.reconciliation import (
    CheckResult,
    Detail,
    EarlierCheck,
    Finding,
    Rotation,
    Selection,
    Status,
    Stretch,
)
from photo_pipeline.ports.archive import Archive
from photo_pipeline.ports.bi_sync import SearchIndex, SyncState
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.photo_log import PhotoLogReader
from photo_pipeline.ports.reconcile import (
    ArchiveAudit,
    LedgerAudit,
    OutcomeAudit,
    ReconciliationLog,
    SearchAudit,
    TopicAudit,
)

logger = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=10)
"""A commit is stamped when its transaction begins, and may be seen up to this later."""
NAMED_IN_ERROR = 20
SEEN = "seen"
"""The figure of a check that goes on where it stopped: the number of what it saw last."""


@dataclass(frozen=True, slots=True)
class ReconcileLimits:
    """What counts as wrong, and how much one run looks at.

    Attributes:
        rotation: after so many runs every day, and every slice that is still published, has been looked at.
        sample_members: how many members of shards one run reads.
        sample_slices: how many slices, and shards, one run looks at again.
        named: how many findings of a check are kept by name.
        max_lag: how old the oldest waiting record may be.
        max_wait: how long slices, outbox entries and the search sync may stand still.
        incident: how long a loss that cannot be undone keeps runs red.
        recent_days: days whose sums are compared in every run.
        search_days: days that are compared one by one in the course of a rotation.
        page: rows, documents or files in memory at a time.
        max_deletions: more surplus documents than this are left alone: rather the ledger has lost rows.
        keep_results: how long results are kept.
    """

    rotation: int
    sample_members: int
    sample_slices: int
    named: int
    max_lag: timedelta
    max_wait: timedelta
    incident: timedelta
    recent_days: int
    search_days: int
    page: int
    max_deletions: int
    keep_results: timedelta


@dataclass(frozen=True, slots=True)
class ReconcilePorts:
    """The outside world, as the checks need it."""

    log: ReconciliationLog
    clock: Clock
    topics: TopicAudit
    reader: PhotoLogReader
    incoming: Sequence[str]
    ledger: LedgerAudit
    archive: Archive
    archive_root: str
    archive_index: ArchiveAudit
    outcomes: OutcomeAudit
    sync_state: SyncState
    search: SearchAudit
    index: SearchIndex


class Findings:
    """Collects what a check finds: counts all of it, keeps the first by name."""

    def __init__(self, named: int) -> None:
        self._limit = named
        self.named: list[Finding] = []
        self.found = 0
        self.repaired = 0

    def add(self, subject: str, problem: str, status: Status = Status.FINDING, **detail: object) -> None:
        """Note one finding."""
        if status is Status.REPAIRED:
            self.repaired += 1
        else:
            self.found += 1
        if len(self.named) < self._limit:
            self.named.append(Finding(subject, problem, status, detail))


@dataclass(frozen=True, slots=True)
class CheckRun:
    """What a check is given: the servers, its limits, its turn, and what it found when it last ran."""

    ports: ReconcilePorts
    limits: ReconcileLimits
    turn: int
    now: datetime
    earlier: EarlierCheck | None
    findings: Findings

    @property
    def rotation(self) -> Rotation:
        """Whose turn it is."""
        return Rotation(self.turn, self.limits.rotation)

    @property
    def changed_since(self) -> datetime:
        """What has changed since is new to this check; everything in the first run."""
        if self.earlier is None:
            return datetime.min.replace(tzinfo=self.now.tzinfo)
        return self.earlier.started_at - OVERLAP

    @property
    def selection(self) -> Selection:
        """What is new, and whose turn it is."""
        return Selection(self.changed_since, self.rotation)

    @property
    def stretch(self) -> Stretch:
        """What is new, and the next of all things."""
        figures = {} if self.earlier is None else self.earlier.figures
        return Stretch(self.changed_since, int(str(figures.get(SEEN, 0))), self.limits.sample_slices)


Check = Callable[[CheckRun], Detail]
"""Looks, notes what it finds, and returns the figures of what it looked at."""


def open_run(run_id: str, ports: ReconcilePorts, limits: ReconcileLimits) -> int:
    """Give the run its turn, and forget results that are too old; how many there were."""
    ports.log.begin(run_id)
    return ports.log.forget(ports.clock.now() - limits.keep_results)


def run_checks(
    run_id: str, checks: Mapping[str, Check], ports: ReconcilePorts, limits: ReconcileLimits
) -> Sequence[CheckResult]:
    """Make these checks and keep their results. Made again in the same run, the later results replace the earlier.

    Raises:
        ServerUnavailableError: when a server is away; what was checked before is kept.
    """
    turn = ports.log.begin(run_id)
    results = []
    for name, check in checks.items():
        now = ports.clock.now()
        run = CheckRun(ports, limits, turn, now, ports.log.earlier(name, run_id), Findings(limits.named))
        figures = check(run)
        found = run.findings
        result = CheckResult(name, now, tuple(found.named), found.found, found.repaired, figures)
        ports.log.record(run_id, result)
        logger.info("check=%s status=%s found=%d repaired=%d", name, result.status, found.found, found.repaired)
        results.append(result)
    return results


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to, where nothing is left to worry about."""

    checks: int
    repaired: int


def verdict(run_id: str, expected: Iterable[str], log: ReconciliationLog) -> Verdict:
    """Whether everything was checked and is well.

    Raises:
        ReconciliationFindingsError: when it is not; the message names what was found.
    """
    results = {result.check: result for result in log.results(run_id)}
    unfinished = [name for name in expected if name not in results]
    found = sum(result.found for result in results.values())
    if found or unfinished:
        named = [
            f"{result.check}: {finding}"
            for result in results.values()
            for finding in result.findings
            if finding.status is Status.FINDING
        ]
        raise ReconciliationFindingsError(found, named[:NAMED_IN_ERROR], unfinished)
    return Verdict(len(results), sum(result.repaired for result in results.values()))
