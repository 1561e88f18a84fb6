"""A photo's whole way, and what it is found by: which run worked on its slice, which device says it sent it, indexes.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# Of live photos and of refused records that are not blanked: one that expires enters none of them (ADR 0194). A
# checksum's first twelve digits are enough to find it by, and a third of it to keep.
INDICES = """
CREATE INDEX photo_by_filename ON photo (lower(filename) COLLATE "C", uploaded_at DESC)
 WHERE status = 'processed' AND filename IS NOT NULL;
CREATE INDEX photo_by_sha256 ON photo (left(sha256, 12) COLLATE "C") WHERE status = 'processed';
CREATE INDEX ledger_record_refused_by_filename ON ledger_record (lower(filename) COLLATE "C", processed_at DESC)
 WHERE outcome = 'rejected' AND filename IS NOT NULL;
CREATE INDEX customer_by_email ON customer (email COLLATE "C") WHERE email IS NOT NULL;
"""

# Neither has a default: no row is rewritten, and the last release goes on without them.
COLUMNS = """
ALTER TABLE slice ADD COLUMN worked_by text;
ALTER TABLE ledger_record ADD COLUMN device_id uuid;
COMMENT ON COLUMN slice.worked_by IS 'Whose lease it was committed under: the run of photo_ingest';
COMMENT ON COLUMN ledger_record.device_id IS 'The device that the record says has sent it; proven where records are';
"""

# No file name, e-mail address or name of a customer. The columns that there were stay; what is new stands behind them.
VIEWS = """
CREATE OR REPLACE VIEW page_outcome AS
SELECT l.topic, l."partition", r."offset", r.slice_id, r.outcome, r.reason, r.detail, r.source, r.bytes, r.customer_id,
       r.accepted_at, r.processed_at, l.incarnation, r.log_id, r.photo_id, r.device_id
  FROM ledger_record r LEFT JOIN partition_progress l ON l.log_id = r.log_id;

CREATE OR REPLACE VIEW page_slice AS
SELECT s.slice_id, s.topic, s."partition", s."start", s."end", s.state, s.attempt, s.lease_expires_at, s.planned_at,
       s.committed_at, d.shard_id, d.path, d.length, d.photos, d.state AS shard_state,
       d.committed_at AS shard_committed_at, s.incarnation, l.log_id, coalesce(s.worked_by, s.lease_owner) AS run_id
  FROM slice s
  JOIN partition_progress l ON l.topic = s.topic AND l."partition" = s."partition" AND l.incarnation = s.incarnation
  LEFT JOIN shard d ON d.slice_id = s.slice_id;

CREATE VIEW page_photo AS
SELECT p.photo_id, p.customer_id, p.sha256, p.source, p.status, p.format, p.width, p.height, p.bytes, p.uploaded_at,
       p.accepted_at, p.processed_at, p.expired_at, p.binned_at, d.path, d.kind, d.state AS shard_state, d.length,
       d.committed_at, d.kept_until, d.marked_at
  FROM photo p LEFT JOIN shard d ON d.shard_id = p.shard_id;

CREATE VIEW page_rendition AS
SELECT photo_id, kind, "offset", length, content_type, width, height FROM rendition;

CREATE VIEW page_publication AS
SELECT kind, topic, "partition", "offset", incarnation, created_at, published_at FROM outbox;

CREATE VIEW page_record_state AS
SELECT s.log_id, s."offset", s.processed_at, s.expired_at,
       s.updated_xid < (SELECT max(watermark) FROM bi_sync_state) AS is_synced
  FROM ledger_state s;
"""

# Whose photo it is: for operators, never for analysts. No password, and one door instead of a right to the table.
NAMES = """
CREATE VIEW page_customer AS SELECT customer_id, display_name, email, created_at, closed_at FROM customer;
COMMENT ON VIEW page_customer IS 'Read by the Photos page for those who may act, and by nothing else';
"""

GRANTS = """
GRANT SELECT ON page_photo, page_rendition, page_publication, page_record_state TO photo_bi;
GRANT SELECT ON page_customer TO photo_pipeline;
"""


def upgrade() -> None:
    # While indexes are built everybody can read. From the columns on nobody can, and that takes a moment.
    for statements in (INDICES, COLUMNS, VIEWS, NAMES, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
