"""The metrics themselves: names, labels and units, and how figures become them.

Figures that are not known are absent (or not a number) rather than old: what could not be asked is taken away, and
``photo_server_up`` says why.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from photo_pipeline.domain.figures import CommittedSlice, LedgerFigures, WaitingRange, sync_delay
from photo_pipeline.domain.logs import LogTrouble
from photo_pipeline.domain.outcomes import Outcome
from photo_pipeline.domain.photo import Source, TopicPartition
from photo_pipeline.domain.retention import KEEP

FRESHNESS_BUCKETS = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 86400.0)
PARTITION = ("topic", "partition")
UNKNOWN = float("nan")
"""What a metric without labels says when nobody knows: it cannot be absent, and no comparison with it is true."""


class BacklogGauges:
    """What waits in Kafka, per topic-partition."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = Gauge(
            "photo_waiting_records", "Records in Kafka without an outcome", PARTITION, registry=registry
        )
        self._age = Gauge(
            "photo_waiting_oldest_age_seconds",
            "For how long the oldest of them has been waiting; 0 where none is",
            PARTITION,
            registry=registry,
        )

    def show(
        self,
        ranges: Mapping[TopicPartition, WaitingRange | None],
        times: Mapping[TopicPartition, datetime],
        now: datetime,
    ) -> None:
        """Show the backlog of every partition that Kafka has."""
        self.clear()
        for where, waiting in ranges.items():
            labels = (where.topic, str(where.partition))
            self._records.labels(*labels).set(waiting.records if waiting else 0)
            age = (now - times[where]).total_seconds() if where in times else 0.0
            self._age.labels(*labels).set(max(0.0, age))

    def clear(self) -> None:
        """It is not known."""
        self._records.clear()
        self._age.clear()


class LogGauges:
    """Logs with which something is wrong, until an operator has settled it. None where all is well."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = (*PARTITION, "incarnation", "problem")
        self._broken = Gauge("photo_log_broken", "Logs that were made anew, cut or deleted", labels, registry=registry)
        self._unread = Gauge(
            "photo_log_unread_records", "Records known to have been in them and never read", labels, registry=registry
        )

    def show(self, troubles: Iterable[LogTrouble]) -> None:
        """Show these and no others."""
        self.clear()
        for each in troubles:
            labels = (each.log.topic, str(each.log.partition), str(each.log.incarnation), each.problem.value)
            self._broken.labels(*labels).set(1)
            self._unread.labels(*labels).set(each.unread)

    def clear(self) -> None:
        """It is not known."""
        self._broken.clear()
        self._unread.clear()


class LedgerGauges:
    """What the ledger says of the archive, the search index, the outbox, holds and the reconciliation."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"photo_{name}", text, labels, registry=registry)

        self._archive = {
            "bytes": gauge("archive_bytes", "Bytes of shards on HDFS", "kind"),
            "shards": gauge("archive_shards", "Shards on HDFS", "kind"),
            "photos": gauge("archive_photos", "Photos in them", "kind"),
        }
        self._archive_age = gauge("archive_oldest_age_seconds", "Age of the oldest shard", "kind")
        self._expiry = gauge("next_expiry_timestamp_seconds", "When the next shard has had its 168 hours")
        self._sync_delay = gauge("sync_delay_seconds", "For how long the oldest outcome waits for the search index")
        self._synced = gauge("synced_timestamp_seconds", "When the search index was last synced")
        self._outbox = gauge("outbox_entries", "Committed and not yet published", "kind")
        self._outbox_age = gauge("outbox_oldest_age_seconds", "For how long the oldest of them waits", "kind")
        self._holds = gauge("holds", "Holds that are not lifted")
        self._stopped = gauge(
            "retention_stopped", "Whether the newest run of the retention removed nothing, on purpose"
        )
        self._findings = gauge("reconciliation_findings", "What the newest reconciliation left as it is", "check")
        self._checked = gauge("reconciliation_age_seconds", "Since each check was last made", "check")
        self._single = (self._expiry, self._sync_delay, self._synced, self._holds, self._stopped)
        self._labelled = (*self._archive.values(), self._archive_age, self._outbox, self._outbox_age)
        self._labelled += (self._findings, self._checked)
        self.clear()

    def show(self, figures: LedgerFigures) -> None:
        """Show all of it."""
        self.clear()
        self._show_archive(figures)
        self._sync_delay.set(sync_delay(figures.sync, figures.now))
        if figures.sync.synced_at is not None:
            self._synced.set(figures.sync.synced_at.timestamp())
        for kind, outbox in figures.outbox.items():
            self._outbox.labels(kind).set(outbox.entries)
            self._outbox_age.labels(kind).set((figures.now - outbox.oldest_created_at).total_seconds())
        self._holds.set(figures.holds)
        self._stopped.set(figures.retention is not None and figures.retention.stopped is not None)
        for check, newest in figures.checks.items():
            self._findings.labels(check).set(newest.found)
            self._checked.labels(check).set((figures.now - newest.checked_at).total_seconds())

    def _show_archive(self, figures: LedgerFigures) -> None:
        for kind, archive in figures.archive.items():
            for name, gauge in self._archive.items():
                gauge.labels(kind).set(getattr(archive, name))
            self._archive_age.labels(kind).set((figures.now - archive.oldest_committed_at).total_seconds())
        expiring = [each.oldest_committed_at for kind, each in figures.archive.items() if kind != "hold"]
        if expiring:
            self._expiry.set((min(expiring) + KEEP).timestamp())

    def clear(self) -> None:
        """It is not known."""
        for gauge in self._labelled:
            gauge.clear()
        for gauge in self._single:
            gauge.set(UNKNOWN)


class OutcomeCounters:
    """What became of photos since this process started. Prometheus' ``rate`` and ``increase`` know restarts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._outcomes = Counter(
            "photo_outcomes", "Records that got their outcome", ("outcome", "source"), registry=registry
        )
        self._bytes = Counter("photo_outcome_bytes", "Bytes of those records", ("outcome",), registry=registry)
        self._slices = Counter("photo_slices", "Slices that were committed", registry=registry)
        self._seconds = Counter("photo_slice_seconds", "From their plan to their commit, in all", registry=registry)
        self._freshness = Histogram(
            "photo_freshness_seconds",
            "From Kafka's acknowledgement of a photo to its commit",
            buckets=FRESHNESS_BUCKETS,
            registry=registry,
        )
        for outcome in Outcome:  # at 0 from the beginning, or the first of each would not be seen as an increase
            self._bytes.labels(outcome.value)
            for source in Source:
                self._outcomes.labels(outcome.value, source.value)

    def count(self, slices: Iterable[CommittedSlice]) -> None:
        """Count these slices and their records."""
        for each in slices:
            self._slices.inc()
            self._seconds.inc(max(0.0, each.seconds))
            for record in each.outcomes:
                self._outcomes.labels(record.outcome, record.source).inc()
                self._bytes.labels(record.outcome).inc(record.bytes)
                if record.latency_seconds is not None:
                    self._freshness.observe(max(0.0, record.latency_seconds))


class ServerGauges:
    """Which servers answer, how far their clocks are off, and how much room HDFS has."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge("photo_server_up", "Whether the server answered last", ("server",), registry=registry)
        self._capacity = Gauge("photo_hdfs_capacity_bytes", "Room on the DataNodes' disks", (), registry=registry)
        self._remaining = Gauge("photo_hdfs_remaining_bytes", "Of which is free", (), registry=registry)

        self._offset = Gauge(
            "photo_clock_offset_seconds",
            "How far the clock is ahead of this process' own",
            ("clock",),
            registry=registry,
        )
        self._offset.labels("exporter").set(0)
        self.show_room(UNKNOWN, UNKNOWN)

    def show_clock(self, clock: str, offset: timedelta | None) -> None:
        """Show how far a clock is ahead; ``None`` where nobody knows."""
        if offset is None:
            self._offset.remove(clock)
        else:
            self._offset.labels(clock).set(offset.total_seconds())

    def show(self, server: str, *, up: bool) -> None:
        """Show whether a server answers."""
        self._up.labels(server).set(up)

    def show_room(self, capacity: float, remaining: float) -> None:
        """Show HDFS' room in bytes."""
        self._capacity.set(capacity)
        self._remaining.set(remaining)


class RefreshGauges:
    """How the asking itself goes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._took = Gauge("photo_metrics_refresh_seconds", "How long asking took", registry=registry)
        self._at = Gauge("photo_metrics_refreshed_timestamp_seconds", "When it was last done", registry=registry)

    def show(self, seconds: float) -> None:
        """Show that it was done just now."""
        self._took.set(seconds)
        self._at.set_to_current_time()
