"""What the retention needs so as to mark first, remove later, stop when it is too much, and say what it removed.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A shard is marked by one run and removed by a later one. kept_until rests on two stamps of its age, not on one.
COLUMNS = """
ALTER TABLE shard ADD COLUMN marked_at timestamptz, ADD COLUMN kept_until timestamptz,
  ADD CHECK ((marked_at IS NULL) = (kept_until IS NULL));
COMMENT ON COLUMN shard.marked_at IS 'When a run announced its removal, by clocks that agreed';
COMMENT ON COLUMN shard.kept_until IS 'Its time, by the younger of the two stamps of its age';
"""

TABLES = """
CREATE TABLE retention_run (
  run_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name          text NOT NULL,
  begun_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  clocks        jsonb NOT NULL,
  looked_at     timestamptz,
  state         text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped')),
  stopped       text,
  removed_until timestamptz,
  summary       jsonb,
  ended_at      timestamptz,
  CHECK ((state = 'stopped') = (stopped IS NOT NULL))
);
CREATE INDEX retention_run_complete ON retention_run (removed_until) WHERE removed_until IS NOT NULL;
COMMENT ON COLUMN retention_run.looked_at IS 'The time that the clocks agreed on; null where they did not';
COMMENT ON COLUMN retention_run.stopped IS 'Why it removed nothing';
COMMENT ON COLUMN retention_run.removed_until IS 'All that had come due by then was tried';

CREATE TABLE removal (
  removal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id     bigint NOT NULL REFERENCES retention_run,
  what       text NOT NULL CHECK (what IN ('shards', 'rejected records', 'outbox entries', 'files')),
  subject    text NOT NULL,
  amount     bigint NOT NULL,
  bytes      bigint NOT NULL,
  why        text NOT NULL,
  noted_at   timestamptz NOT NULL,
  removed_at timestamptz
);
CREATE UNIQUE INDEX removal_noted ON removal (subject) WHERE removed_at IS NULL;
CREATE INDEX removal_of_run ON removal (run_id);
COMMENT ON COLUMN removal.run_id IS 'The run that removed it; while removed_at is null, the one that noted it';
COMMENT ON COLUMN removal.removed_at IS 'Null while a file is only noted: a later run removes it';

CREATE TABLE removal_permit (
  permit_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  what       text NOT NULL CHECK (what IN ('shards', 'rejected records', 'files', 'ages')),
  most       bigint NOT NULL CHECK (most > 0),
  reason     text NOT NULL,
  granted_by text NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_by    text
);
COMMENT ON COLUMN removal_permit.used_by IS 'The name of the one run that it was for';
"""

# Those that still say something of their sender: the blanking of old ones looks at no others.
INDICES = """
CREATE INDEX ingest_record_unblanked ON ingest_record (processed_at)
 WHERE outcome = 'rejected' AND (filename IS NOT NULL OR detail IS NOT NULL);
"""

VIEWS = """
CREATE VIEW metric_retention AS
SELECT run_id, begun_at, looked_at, state, stopped FROM retention_run
 WHERE state <> 'running' ORDER BY run_id DESC LIMIT 1;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON retention_run, removal, removal_permit TO photo_pipeline;
GRANT DELETE ON removal TO photo_pipeline;
GRANT SELECT ON metric_retention TO photo_bi, photo_pipeline;
"""


def upgrade() -> None:
    for statements in (COLUMNS, TABLES, INDICES, VIEWS, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP VIEW metric_retention")
    op.execute("DROP INDEX ingest_record_unblanked")
    op.execute("DROP TABLE removal_permit, removal, retention_run")
    op.execute("ALTER TABLE shard DROP COLUMN marked_at, DROP COLUMN kept_until")
