"""The reconciliation's results, and what it asks the ledger about itself.

Every statement goes through an index to what changed since the last run and to so many of the rest: the cost of a run
does not grow with the ledger's age.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, TextClause, text

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.logs import known_logs
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.photo import Log, RecordCoordinates
from photo_pipeline.domain.reconciliation import (
    CheckResult,
    EarlierCheck,
    Finding,
    LostRange,
    OpenSlice,
    OutboxBacklog,
    PartitionState,
    PhotoFault,
    Selection,
    SliceCoverage,
    Status,
    Stretch,
)

RUN = "run"
"""The row that a run begins with, under this name in place of a check's."""

TURN = text("""
SELECT max(CAST(detail ->> 'turn' AS bigint)) FILTER (WHERE run_id = :run_id) AS own,
       max(CAST(detail ->> 'turn' AS bigint)) AS newest
  FROM reconciliation WHERE check_name = :check AND subject IS NULL
""")
EARLIER = text("""
SELECT checked_at, detail FROM reconciliation
 WHERE check_name = :check AND subject IS NULL AND run_id <> :run_id ORDER BY checked_at DESC LIMIT 1
""")
REPLACE = text("DELETE FROM reconciliation WHERE run_id = :run_id AND check_name = :check")
INSERT = text("""
INSERT INTO reconciliation (run_id, checked_at, check_name, status, subject, detail)
VALUES (:run_id, :at, :check, :status, :subject, CAST(:detail AS jsonb))
""")
RESULTS = text("""
SELECT check_name, checked_at, status, subject, detail FROM reconciliation
 WHERE run_id = :run_id AND check_name <> :run ORDER BY reconciliation_id
""")
FORGET = text("DELETE FROM reconciliation WHERE checked_at < :before")
BEGINNING = 7_468_120_948
"""Advisory lock key: two runs that begin at once get different turns."""


def _same_log(one: str, other: str) -> str:
    """The condition under which two tables' rows are of one log."""
    return " AND ".join(f'{one}."{name}" = {other}."{name}"' for name in ("topic", "partition", "incarnation"))


# A record bears the time of its slice's commit: with it, one month is looked into.
RECORDS_OF_SLICE = """r.log_id = p.log_id AND r."offset" >= s."start" AND r."offset" < s."end"
   AND r.processed_at = s.committed_at"""


OF_PROGRESS = _same_log("s", "p")
BEFORE_OR_AFTER = _same_log("n", "s")

PARTITIONS = text(f"""
SELECT p.topic, p."partition", p.incarnation, p.first_offset, p.next_offset,
       (SELECT min(s."start") FROM slice s WHERE {OF_PROGRESS}) AS first_start,
       (SELECT s."end" FROM slice s WHERE {OF_PROGRESS} AND s.state = 'committed'
         ORDER BY s."start" DESC LIMIT 1) AS last_end
  FROM partition_progress p ORDER BY p.topic, p."partition", p.incarnation
""")
CHOSEN_SLICES = """
SELECT s.* FROM slice s WHERE s.state = 'committed' AND s.committed_at >= :changed_since
 UNION
(SELECT s.* FROM slice s WHERE s.state = 'committed' AND s.slice_id > :after ORDER BY s.slice_id LIMIT :limit)
"""
LAST_SLICE = text("""
SELECT max(slice_id), count(*)
  FROM (SELECT slice_id FROM slice WHERE state = 'committed' AND slice_id > :after ORDER BY slice_id LIMIT :limit) s
""")
COVERAGE = text(f"""
SELECT s.slice_id, s.topic, s."partition", s.incarnation, s."start", s."end",
       found.records, found.own_records,
       coalesce((SELECT n."end" FROM slice n WHERE {BEFORE_OR_AFTER} AND n."start" < s."start"
                  ORDER BY n."start" DESC LIMIT 1), p.first_offset) AS previous_end,
       coalesce((SELECT n."start" FROM slice n WHERE {BEFORE_OR_AFTER} AND n."start" > s."start"
                  ORDER BY n."start" LIMIT 1), p.next_offset) AS next_start
  FROM ({CHOSEN_SLICES}) s
  JOIN partition_progress p ON {_same_log("p", "s")}
 CROSS JOIN LATERAL (SELECT count(*) AS records, count(*) FILTER (WHERE r.slice_id = s.slice_id) AS own_records
                       FROM ledger_record r WHERE {RECORDS_OF_SLICE}) found
 ORDER BY s.slice_id
""")
MISSING_OFFSETS = text("""
SELECT at + 1 AS "start", following AS "end"
  FROM (SELECT at, lead(at) OVER (ORDER BY at) AS following
          FROM (SELECT r."offset" AS at FROM ledger_record r JOIN partition_progress p USING (log_id)
                 WHERE p.topic = :topic AND p."partition" = :partition AND p.incarnation = :incarnation
                   AND r."offset" >= :start AND r."offset" < :end
                UNION ALL SELECT CAST(:start AS bigint) - 1 UNION ALL SELECT CAST(:end AS bigint)) present) pairs
 WHERE following > at + 1 ORDER BY at
""")
LOST = text("""
SELECT topic, "partition", incarnation, min("offset") AS "start", max("offset") + 1 AS "end", count(*) AS records,
       min(processed_at) AS found_at
  FROM ingest_record WHERE reason = 'deleted_by_kafka' AND processed_at >= :since
 GROUP BY slice_id, topic, "partition", incarnation ORDER BY topic, "partition", incarnation, "start"
""")
ABANDONED = text("""
SELECT slice_id, topic, "partition", incarnation, "start", "end", attempt, planned_at FROM slice
 WHERE state IN ('planned', 'running') AND planned_at < :before
   AND (lease_expires_at IS NULL OR lease_expires_at < :before)
 ORDER BY slice_id
""")
WAITING_OUTBOX = text("""
SELECT kind, count(*) AS entries, min(created_at) AS oldest FROM outbox
 WHERE published_at IS NULL AND created_at < :before GROUP BY kind ORDER BY kind
""")
# The lateral parts are looked up slice by slice, and shard by shard: the planner cannot know how few are chosen.
FILL_OUTBOX = text(f"""
INSERT INTO outbox (kind, topic, "partition", "offset", incarnation, processed_at)
SELECT CASE r.outcome WHEN 'processed' THEN 'processed' ELSE 'dead_letter' END AS kind,
       s.topic, s."partition", r."offset", s.incarnation, r.processed_at
  FROM (SELECT * FROM slice
         WHERE state = 'committed' AND committed_at >= :committed_since
           AND (committed_at >= :changed_since OR slice_id % :rotation = :turn)) s
  JOIN partition_progress p ON {_same_log("p", "s")}
 CROSS JOIN LATERAL (
       SELECT r.outcome, r."offset", r.processed_at FROM ledger_record r
        WHERE {RECORDS_OF_SLICE} AND r.outcome IN ('processed', 'rejected')
          AND NOT EXISTS (SELECT FROM outbox o
                           WHERE {_same_log("o", "s")} AND o."offset" = r."offset")
       OFFSET 0) r
 ORDER BY s.topic, s."partition", r."offset", s.incarnation LIMIT :limit
ON CONFLICT DO NOTHING
RETURNING kind, topic, "partition", "offset", incarnation
""")
# A shard that is removed has no photos and no renditions left; one that is not has three of each of its photos, and
# of some one more, which is asked about by the second half alone.
CHOSEN_SHARDS = """
SELECT shard_id, state FROM shard WHERE state <> 'removed' AND committed_at >= :changed_since
 UNION
SELECT shard_id, state FROM shard WHERE state = 'removed' AND removed_at >= :changed_since
 UNION
(SELECT shard_id, state FROM shard WHERE shard_id > :after ORDER BY shard_id LIMIT :limit)
"""
LAST_SHARD = text("""
SELECT max(shard_id), count(*)
  FROM (SELECT shard_id FROM shard WHERE shard_id > :after ORDER BY shard_id LIMIT :limit) s
""")
PHOTO_FAULTS = text(f"""
WITH chosen AS MATERIALIZED ({CHOSEN_SHARDS})
SELECT p.photo_id, c.shard_id,
       CASE WHEN c.state = 'removed' THEN 'its shard is removed'
            ELSE 'has ' || p.renditions || ' of 3 renditions in its shard' END AS problem
  FROM chosen c
 CROSS JOIN LATERAL (
       SELECT p.photo_id, count(r.kind) FILTER (WHERE r.shard_id = c.shard_id AND r.kind <> 'thumb2x') AS renditions
         FROM photo p LEFT JOIN rendition r ON r.photo_id = p.photo_id
        WHERE p.shard_id = c.shard_id GROUP BY p.photo_id) p
 WHERE c.state = 'removed' OR p.renditions <> 3
 UNION ALL
SELECT r.photo_id, c.shard_id,
       r.status || ', but its ' || r.kind || ' is said to be in a shard that is not its own' AS problem
  FROM chosen c
 CROSS JOIN LATERAL (
       SELECT r.photo_id, r.kind, p.status FROM rendition r JOIN photo p ON p.photo_id = r.photo_id
        WHERE r.shard_id = c.shard_id AND p.shard_id IS DISTINCT FROM c.shard_id OFFSET 0) r
 LIMIT :most
""")


class PostgresReconciliationLog:
    """``ReconciliationLog`` in the table ``reconciliation``, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, run_id: str) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": BEGINNING})
            found = connection.execute(TURN, {"run_id": run_id, "check": RUN}).one()
            if found.own is not None:
                return int(found.own)
            turn = 0 if found.newest is None else int(found.newest) + 1
            _insert(connection, run_id, RUN, Status.OK, {"turn": turn})
        return turn

    def earlier(self, check: str, run_id: str) -> EarlierCheck | None:
        """See the port."""
        with transaction(self._engine) as connection:
            row = connection.execute(EARLIER, {"check": check, "run_id": run_id}).one_or_none()
        return None if row is None else EarlierCheck(row.checked_at, row.detail["figures"])

    def record(self, run_id: str, result: CheckResult) -> None:
        """See the port."""
        summary = {"found": result.found, "repaired": result.repaired, "figures": result.figures}
        with transaction(self._engine) as connection:
            connection.execute(REPLACE, {"run_id": run_id, "check": result.check})
            _insert(connection, run_id, result.check, result.status, summary, at=result.started_at)
            for finding in result.findings:
                detail = {**finding.detail, "problem": finding.problem}
                _insert(
                    connection,
                    run_id,
                    result.check,
                    finding.status,
                    detail,
                    at=result.started_at,
                    about=finding.subject,
                )

    def results(self, run_id: str) -> Sequence[CheckResult]:
        """See the port."""
        with transaction(self._engine) as connection:
            rows = connection.execute(RESULTS, {"run_id": run_id, "run": RUN}).all()
        findings: dict[str, list[Finding]] = {}
        for row in rows:
            if row.subject is not None:
                findings.setdefault(row.check_name, []).append(_finding(row))
        return [_result(row, findings.get(row.check_name, [])) for row in rows if row.subject is None]

    def forget(self, before: datetime) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            return connection.execute(FORGET, {"before": before}).rowcount


class PostgresLedgerAudit:
    """The ``LedgerAudit`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def logs(self) -> Sequence[KnownLog]:
        """See the port."""
        with transaction(self._engine) as connection:
            return known_logs(connection)

    def partitions(self) -> Mapping[Log, PartitionState]:
        """See the port."""
        with transaction(self._engine) as connection:
            return {
                Log(row.topic, row.partition, row.incarnation): PartitionState(
                    row.first_offset, row.next_offset, row.first_start, row.last_end
                )
                for row in connection.execute(PARTITIONS)
            }

    def coverage(self, stretch: Stretch) -> Sequence[SliceCoverage]:
        """See the port."""
        with transaction(self._engine) as connection:
            return [
                SliceCoverage(
                    slice_id=row.slice_id,
                    log=Log(row.topic, row.partition, row.incarnation),
                    start=row.start,
                    end=row.end,
                    records=row.records,
                    own_records=row.own_records,
                    previous_end=row.previous_end,
                    next_start=row.next_start,
                )
                for row in connection.execute(COVERAGE, _stretch(stretch))
            ]

    def slices_end(self, stretch: Stretch) -> int:
        """See the port."""
        return self._end(LAST_SLICE, stretch)

    def missing_offsets(self, slice_: SliceCoverage) -> Sequence[tuple[int, int]]:
        """See the port."""
        log = slice_.log
        range_ = {"topic": log.topic, "partition": log.partition, "incarnation": log.incarnation}
        range_ |= {"start": slice_.start, "end": slice_.end}
        with transaction(self._engine) as connection:
            return [(row.start, row.end) for row in connection.execute(MISSING_OFFSETS, range_)]

    def lost_ranges(self, since: datetime) -> Sequence[LostRange]:
        """See the port."""
        with transaction(self._engine) as connection:
            return [
                LostRange(Log(row.topic, row.partition, row.incarnation), row.start, row.end, row.records, row.found_at)
                for row in connection.execute(LOST, {"since": since})
            ]

    def abandoned_slices(self, before: datetime) -> Sequence[OpenSlice]:
        """See the port."""
        with transaction(self._engine) as connection:
            return [
                OpenSlice(
                    slice_id=row.slice_id,
                    log=Log(row.topic, row.partition, row.incarnation),
                    start=row.start,
                    end=row.end,
                    attempt=row.attempt,
                    planned_at=row.planned_at,
                )
                for row in connection.execute(ABANDONED, {"before": before})
            ]

    def waiting_outbox(self, before: datetime) -> Sequence[OutboxBacklog]:
        """See the port."""
        with transaction(self._engine) as connection:
            return [
                OutboxBacklog(row.kind, row.entries, row.oldest)
                for row in connection.execute(WAITING_OUTBOX, {"before": before})
            ]

    def fill_outbox(
        self, selection: Selection, committed_since: datetime, limit: int
    ) -> Sequence[tuple[str, RecordCoordinates]]:
        """See the port."""
        parameters = {**_chosen(selection), "committed_since": committed_since, "limit": limit}
        with transaction(self._engine) as connection:
            return [
                (row.kind, RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation))
                for row in connection.execute(FILL_OUTBOX, parameters)
            ]

    def photo_faults(self, stretch: Stretch, limit: int) -> Sequence[PhotoFault]:
        """See the port."""
        with transaction(self._engine) as connection:
            rows = connection.execute(PHOTO_FAULTS, {**_stretch(stretch), "most": limit})
            return [PhotoFault(row.photo_id, row.shard_id, row.problem) for row in rows]

    def shards_end(self, stretch: Stretch) -> int:
        """See the port."""
        return self._end(LAST_SHARD, stretch)

    def _end(self, statement: TextClause, stretch: Stretch) -> int:
        with transaction(self._engine) as connection:
            last, count = connection.execute(statement, {"after": stretch.after, "limit": stretch.limit}).one()
        return int(last) if count == stretch.limit else 0


def _insert(
    connection: Connection,
    run_id: str,
    check: str,
    status: Status,
    detail: Mapping[str, object],
    *,
    at: datetime | None = None,
    about: str | None = None,
) -> None:
    row = {"run_id": run_id, "check": check, "status": status.value, "subject": about, "detail": json.dumps(detail)}
    moment = at if at is not None else connection.scalar(text("SELECT clock_timestamp()"))
    connection.execute(INSERT, {**row, "at": moment})


def _finding(row: Row[Any]) -> Finding:
    detail = dict(row.detail)
    problem = str(detail.pop("problem"))
    return Finding(str(row.subject), problem, Status(row.status), detail)


def _result(row: Row[Any], findings: Sequence[Finding]) -> CheckResult:
    summary = row.detail
    return CheckResult(
        check=row.check_name,
        started_at=row.checked_at,
        findings=tuple(findings),
        found=summary["found"],
        repaired=summary["repaired"],
        figures=summary["figures"],
    )


def _stretch(stretch: Stretch) -> dict[str, object]:
    return {"changed_since": stretch.changed_since, "after": stretch.after, "limit": stretch.limit}


def _chosen(selection: Selection) -> dict[str, object]:
    rotation = selection.rotation
    return {"changed_since": selection.changed_since, "rotation": rotation.length, "turn": rotation.remainder}
