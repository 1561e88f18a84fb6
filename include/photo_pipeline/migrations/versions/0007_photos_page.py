"""What the Photos page in Airflow's UI reads: views for the role that reads nothing but views.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# The page adds up the outcomes of a window. With this it reads that window's index entries and no row of the table.
INDICES = """
CREATE INDEX ingest_record_by_time ON ingest_record (processed_at) INCLUDE (outcome, source, bytes);
"""

# No file name, e-mail address or name of a customer.
VIEWS = """
CREATE VIEW page_partition AS
SELECT p.topic, p."partition", p.next_offset, p.updated_at,
       (SELECT avg(bytes) FROM (SELECT bytes FROM ingest_record r
                                 WHERE r.topic = p.topic AND r."partition" = p."partition"
                                 ORDER BY r."offset" DESC LIMIT 100) latest) AS average_bytes
  FROM partition_progress p;

CREATE VIEW page_slice AS
SELECT s.slice_id, s.topic, s."partition", s."start", s."end", s.state, s.attempt, s.lease_expires_at, s.planned_at,
       s.committed_at, d.shard_id, d.path, d.length, d.photos, d.state AS shard_state,
       d.committed_at AS shard_committed_at
  FROM slice s LEFT JOIN shard d ON d.slice_id = s.slice_id;

CREATE VIEW page_outcome AS
SELECT r.topic, r."partition", r."offset", r.slice_id, r.outcome, r.reason, r.detail, r.source, r.bytes, r.customer_id,
       r.accepted_at, r.processed_at
  FROM ingest_record r;

CREATE VIEW page_refed AS SELECT topic, "partition", "offset", sent_at, fed_at FROM refed_record;

CREATE VIEW page_shard AS
SELECT shard_id, kind, path, dt, length, photos, committed_at, state FROM shard WHERE state <> 'removed';

CREATE VIEW page_hold AS
SELECT hold_id, customer_id, photo_id, reason, placed_by, placed_at FROM hold WHERE lifted_at IS NULL;

CREATE VIEW page_reconciliation AS
SELECT reconciliation_id, run_id, checked_at, check_name, status, subject, detail FROM reconciliation;

CREATE VIEW page_sync AS SELECT name, synced_at, documents FROM bi_sync_state;

CREATE VIEW page_outbox AS SELECT outbox_id, created_at FROM outbox WHERE published_at IS NULL;
"""
NAMES = (
    "page_partition, page_slice, page_outcome, page_refed, page_shard, page_hold, page_reconciliation, page_sync, "
    "page_outbox"
)


def upgrade() -> None:
    op.execute(INDICES)
    op.execute(VIEWS)
    op.execute(f"GRANT SELECT ON {NAMES} TO photo_bi")


def downgrade() -> None:
    op.execute(f"DROP VIEW {NAMES}")
    op.execute("DROP INDEX ingest_record_by_time")
