"""A position belongs to one log: every incarnation of a topic's partition has a row, slices and records of its own.

Columns come with a constant default, so that no row is rewritten and the last release's web applications go on; what is
there becomes incarnation 1. The incarnation is the last column of the keys: a receipt's record is looked for in all
incarnations at once, and whoever does not know of them finds the same rows as before by the same index.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE outbox DROP CONSTRAINT outbox_topic_partition_offset_fkey;
ALTER TABLE refed_record DROP CONSTRAINT refed_record_topic_partition_offset_fkey;
ALTER TABLE slice DROP CONSTRAINT slice_topic_partition_fkey;

ALTER TABLE partition_progress
  ADD COLUMN incarnation    smallint NOT NULL DEFAULT 1 CHECK (incarnation > 0),
  ADD COLUMN topic_id       text,
  ADD COLUMN state          text NOT NULL DEFAULT 'current' CHECK (state IN ('current', 'cut', 'ended')),
  ADD COLUMN kafka_end      bigint,
  ADD COLUMN leader_epoch   integer,
  ADD COLUMN began_at       timestamptz,
  ADD COLUMN seen_at        timestamptz,
  ADD COLUMN troubled_at    timestamptz,
  ADD COLUMN settled_at     timestamptz,
  ADD COLUMN settled_by     text,
  ADD COLUMN settled_reason text,
  ADD CHECK (settled_at IS NULL OR (state = 'ended' AND settled_by IS NOT NULL AND settled_reason IS NOT NULL)),
  DROP CONSTRAINT partition_progress_pkey,
  ADD PRIMARY KEY (topic, "partition", incarnation);
CREATE UNIQUE INDEX partition_progress_one_open ON partition_progress (topic, "partition") WHERE state <> 'ended';
COMMENT ON TABLE partition_progress IS
  'One row per log, an incarnation of a topic''s partition, and how far it is read';
COMMENT ON COLUMN partition_progress.topic_id IS 'Kafka''s id of the topic; null until Kafka was first asked for it';
COMMENT ON COLUMN partition_progress.state IS
  'cut: Kafka''s end was below what it had been; ended: Kafka has another topic of that name';
COMMENT ON COLUMN partition_progress.kafka_end IS 'How far Kafka was ever seen to reach';
COMMENT ON COLUMN partition_progress.leader_epoch IS 'Of the last record that was read';
COMMENT ON COLUMN partition_progress.seen_at IS 'When Kafka was last seen to have this log, whole';
COMMENT ON COLUMN partition_progress.troubled_at IS 'When it was first seen to be cut or ended';
COMMENT ON COLUMN partition_progress.settled_at IS 'When an operator gave up what was never read of it';

ALTER TABLE slice
  ADD COLUMN incarnation smallint NOT NULL DEFAULT 1,
  DROP CONSTRAINT slice_topic_partition_start_key,
  ADD UNIQUE (topic, "partition", incarnation, "start"),
  DROP CONSTRAINT slice_state_check,
  ADD CONSTRAINT slice_state_check CHECK (state IN ('planned', 'running', 'committed', 'void')),
  ADD FOREIGN KEY (topic, "partition", incarnation) REFERENCES partition_progress (topic, "partition", incarnation);
DROP INDEX slice_one_open_per_partition;
CREATE UNIQUE INDEX slice_one_open_per_log ON slice (topic, "partition", incarnation)
  WHERE state IN ('planned', 'running');
COMMENT ON COLUMN slice.state IS 'void: its log ended before it was read';

ALTER TABLE ingest_record
  ADD COLUMN incarnation smallint NOT NULL DEFAULT 1,
  DROP CONSTRAINT ingest_record_pkey,
  ADD PRIMARY KEY (topic, "partition", "offset", incarnation);

ALTER TABLE outbox
  ADD COLUMN incarnation smallint NOT NULL DEFAULT 1,
  DROP CONSTRAINT outbox_topic_partition_offset_kind_key,
  ADD UNIQUE (topic, "partition", "offset", kind, incarnation),
  ADD FOREIGN KEY (topic, "partition", "offset", incarnation)
    REFERENCES ingest_record (topic, "partition", "offset", incarnation);

ALTER TABLE refed_record
  ADD COLUMN incarnation smallint NOT NULL DEFAULT 1,
  DROP CONSTRAINT refed_record_pkey,
  ADD PRIMARY KEY (topic, "partition", "offset", incarnation),
  ADD FOREIGN KEY (topic, "partition", "offset", incarnation)
    REFERENCES ingest_record (topic, "partition", "offset", incarnation);
"""

# The columns that there were stay as they are; what is new stands behind them.
VIEWS = """
CREATE OR REPLACE VIEW bi_outcome AS
SELECT r.topic, r."partition", r."offset", r.updated_xid, r.version,
       r.outcome, r.reason AS reject_reason, r.photo_id, r.customer_id, c.display_name AS customer_name,
       r.source, coalesce(p.bytes, r.bytes) AS bytes, p.format, p.width, p.height,
       round(p.width::numeric * p.height / 1000000, 2) AS megapixels,
       p.camera, p.taken_at, p.taken_at_offset,
       r.accepted_at AS uploaded_at, r.processed_at, p.expired_at,
       round(extract(epoch FROM r.processed_at - r.accepted_at) * 1000)::bigint AS latency_ms,
       r.incarnation
  FROM ingest_record r
  LEFT JOIN customer c ON c.customer_id = r.customer_id
  LEFT JOIN photo p ON p.photo_id = r.photo_id AND r.outcome IN ('processed', 'duplicate')
 WHERE r.outcome <> 'absent';

CREATE OR REPLACE VIEW metric_progress AS
SELECT topic, "partition", first_offset, next_offset,
       incarnation, topic_id, state, kafka_end, seen_at, troubled_at, settled_at
  FROM partition_progress;

CREATE OR REPLACE VIEW page_partition AS
SELECT p.topic, p."partition", p.next_offset, p.updated_at,
       (SELECT avg(bytes) FROM (SELECT bytes FROM ingest_record r
                                 WHERE r.topic = p.topic AND r."partition" = p."partition"
                                   AND r."offset" < p.next_offset AND r.incarnation = p.incarnation
                                 ORDER BY r."offset" DESC LIMIT 100) latest) AS average_bytes,
       p.incarnation, p.topic_id, p.state, p.first_offset, p.kafka_end, p.seen_at, p.troubled_at, p.settled_at
  FROM partition_progress p;

CREATE OR REPLACE VIEW page_slice AS
SELECT s.slice_id, s.topic, s."partition", s."start", s."end", s.state, s.attempt, s.lease_expires_at, s.planned_at,
       s.committed_at, d.shard_id, d.path, d.length, d.photos, d.state AS shard_state,
       d.committed_at AS shard_committed_at, s.incarnation
  FROM slice s LEFT JOIN shard d ON d.slice_id = s.slice_id;

CREATE OR REPLACE VIEW page_outcome AS
SELECT r.topic, r."partition", r."offset", r.slice_id, r.outcome, r.reason, r.detail, r.source, r.bytes, r.customer_id,
       r.accepted_at, r.processed_at, r.incarnation
  FROM ingest_record r;

CREATE OR REPLACE VIEW page_refed AS
SELECT topic, "partition", "offset", sent_at, fed_at, incarnation FROM refed_record;
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(VIEWS)


def downgrade() -> None:
    raise NotImplementedError(
        "records of a second log have no place in older tables; the older release runs on these as they are"
    )
