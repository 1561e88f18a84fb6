"""Who was told of what, and what the metrics' exporter reads.

Revision ID: 0006
Revises: 0004
"""

from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

# A thing that is wrong has one row from the time it is first seen until it is over.
TABLE = """
CREATE TABLE notice (
  notice_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind         text NOT NULL CHECK (kind IN ('failure', 'lateness', 'discrepancy')),
  subject      text NOT NULL,
  summary      text NOT NULL,
  opened_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  told_at      timestamptz,
  over_at      timestamptz,
  over_told_at timestamptz,
  CHECK (over_told_at IS NULL OR over_at IS NOT NULL)
);
CREATE UNIQUE INDEX notice_open ON notice (kind, subject) WHERE over_at IS NULL;
CREATE INDEX notice_untold ON notice (kind) WHERE over_told_at IS NULL;
COMMENT ON COLUMN notice.subject IS 'What it is, the same whenever it is seen';
COMMENT ON COLUMN notice.told_at IS 'When it was told; null while it is still to be';
"""

# Figures about the platform, none about a customer. Each reads an index whose size is bounded by a week's work, or by
# the number of partitions, checks and holds.
VIEWS = """
CREATE VIEW metric_progress AS
SELECT topic, "partition", first_offset, next_offset FROM partition_progress;

CREATE VIEW metric_archive AS
SELECT kind, count(*) AS shards, sum(length)::bigint AS bytes, sum(photos)::bigint AS photos,
       min(committed_at) AS oldest_committed_at
  FROM shard WHERE state <> 'removed' GROUP BY kind;

CREATE VIEW metric_commit AS
SELECT slice_id, topic, "partition", "start", "end", planned_at, committed_at FROM slice WHERE state = 'committed';

CREATE VIEW metric_outcome AS
SELECT slice_id, outcome, source, reason, bytes, accepted_at, processed_at FROM ingest_record;

CREATE VIEW metric_unsynced AS
SELECT s.synced_at,
       (SELECT r.processed_at FROM ingest_record r
         WHERE r.updated_xid >= s.watermark ORDER BY r.updated_xid, r.topic, r."partition", r."offset" LIMIT 1
       ) AS oldest_unsynced_at
  FROM bi_sync_state s;

CREATE VIEW metric_outbox AS
SELECT kind, count(*) AS entries, min(created_at) AS oldest_created_at
  FROM outbox WHERE published_at IS NULL GROUP BY kind;

CREATE VIEW metric_hold AS
SELECT count(*) AS holds FROM hold WHERE lifted_at IS NULL;

CREATE VIEW metric_check AS
WITH RECURSIVE names AS (
  (SELECT check_name FROM reconciliation WHERE subject IS NULL ORDER BY check_name LIMIT 1)
  UNION ALL
  SELECT (SELECT r.check_name FROM reconciliation r
           WHERE r.subject IS NULL AND r.check_name > n.check_name ORDER BY r.check_name LIMIT 1)
    FROM names n WHERE n.check_name IS NOT NULL
)
SELECT n.check_name, newest.checked_at, newest.status, newest.detail
  FROM names n
 CROSS JOIN LATERAL (SELECT r.checked_at, r.status, r.detail FROM reconciliation r
                      WHERE r.check_name = n.check_name AND r.subject IS NULL
                      ORDER BY r.checked_at DESC LIMIT 1) newest
 WHERE n.check_name <> 'run';
"""
NAMES = (
    "metric_progress, metric_archive, metric_commit, metric_outcome, metric_unsynced, metric_outbox, metric_hold, "
    "metric_check"
)

GRANTS = f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON notice TO photo_pipeline;
GRANT SELECT ON {NAMES} TO photo_bi, photo_pipeline;
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(VIEWS)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute(f"DROP VIEW {NAMES}")
    op.execute("DROP TABLE notice")
