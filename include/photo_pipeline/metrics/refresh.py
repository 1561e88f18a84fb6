"""Asks all servers and shows what they said. Scraping asks nobody: its cost is the same however often it is done."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.figures import waiting_ranges
from photo_pipeline.domain.logs import troubles
from photo_pipeline.metrics.gauges import (
    UNKNOWN,
    BacklogGauges,
    LedgerGauges,
    LogGauges,
    OutcomeCounters,
    RefreshGauges,
    ServerGauges,
)
from photo_pipeline.metrics.probes import Room
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.figures import AppendTimes, FigureSource
from photo_pipeline.ports.photo_log import PhotoLogReader

logger = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=10)
"""A commit is stamped when its transaction begins, and may be seen up to this later."""


@dataclass(frozen=True, slots=True)
class MetricsPorts:
    """Whom to ask. ``clock`` is the database's, ``here`` this machine's.

    ``probe_search`` and ``room_on_hdfs`` are absent where nobody said where those servers are.
    """

    figures: FigureSource
    reader: PhotoLogReader
    ages: AppendTimes
    clock: Clock
    here: Clock
    incoming: Sequence[str]
    probe_search: Callable[[], None] | None = None
    room_on_hdfs: Callable[[], Room] | None = None


@dataclass
class Refresher:
    """Keeps the metrics of a registry up to date."""

    ports: MetricsPorts
    registry: CollectorRegistry
    _counted: dict[int, datetime] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Make the metrics."""
        self._backlog = BacklogGauges(self.registry)
        self._logs = LogGauges(self.registry)
        self._ledger = LedgerGauges(self.registry)
        self._outcomes = OutcomeCounters(self.registry)
        self._servers = ServerGauges(self.registry)
        self._own = RefreshGauges(self.registry)

    def refresh(self) -> None:
        """Ask everybody once; a server that is away costs its own figures and no others."""
        begun = time.monotonic()
        self._ask("PostgreSQL", self._ask_ledger, self._forget_ledger)
        self._ask("Kafka", self._ask_kafka, self._forget_kafka)
        if self.ports.probe_search is not None:
            self._ask("Elasticsearch", self.ports.probe_search)
        if self.ports.room_on_hdfs is not None:
            self._ask("HDFS", self._ask_hdfs, self._forget_hdfs)
        self._own.show(time.monotonic() - begun)

    def _ask(self, server: str, question: Callable[[], None], forget: Callable[[], None] = lambda: None) -> None:
        try:
            question()
        except ServerUnavailableError as error:
            forget()
            # With the ledger away, Kafka's backlog is not known either; that is not Kafka's fault.
            self._servers.show(error.server, up=False)
            logger.warning("%s", error)
        else:
            self._servers.show(server, up=True)

    def _ask_ledger(self) -> None:
        figures = self.ports.figures.ledger()
        self._servers.show_clock("PostgreSQL", figures.now - self.ports.here.now())
        self._ledger.show(figures)
        self._count(figures.now)

    def _count(self, now: datetime) -> None:
        """Count what was committed since the last look. What was there at the first is not counted."""
        known = self._counted or {}
        found = self.ports.figures.committed(now - OVERLAP, known)
        if self._counted is not None:
            self._outcomes.count(found)
        kept = {slice_id: at for slice_id, at in known.items() if at >= now - 2 * OVERLAP}
        self._counted = kept | {each.slice_id: now for each in found}

    def _ask_kafka(self) -> None:
        # In this order: progress only grows, so a log that seems to end below it was cut.
        known = [each for each in self.ports.figures.logs() if each.log.topic in self.ports.incoming]
        marks = self.ports.reader.watermarks(self.ports.incoming)
        self._logs.show(troubles(known, marks))
        # And here in this one: what is committed meanwhile is not waiting.
        ranges = waiting_ranges(self.ports.figures.logs(), marks)
        now = self.ports.clock.now()
        times = self.ports.ages.of({where: each.start for where, each in ranges.items() if each}, now)
        self._backlog.show(ranges, times, now)

    def _forget_kafka(self) -> None:
        self._backlog.clear()
        self._logs.clear()

    def _ask_hdfs(self) -> None:
        if self.ports.room_on_hdfs is not None:
            room = self.ports.room_on_hdfs()
            self._servers.show_room(room.capacity, room.remaining)
            offset = None if room.asked_at is None else room.asked_at - self.ports.here.now()
            self._servers.show_clock("HDFS", offset)

    def _forget_ledger(self) -> None:
        self._servers.show_clock("PostgreSQL", None)
        self._ledger.clear()

    def _forget_hdfs(self) -> None:
        self._servers.show_clock("HDFS", None)
        self._servers.show_room(UNKNOWN, UNKNOWN)
