"""What it is seen by whether the platform does its work as usual, and how full disks are that are no server's.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE volume_reading (
  volume   text NOT NULL,
  total    bigint NOT NULL,
  free     bigint NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX volume_reading_by_time ON volume_reading (taken_at);
COMMENT ON TABLE volume_reading IS 'Bytes of disks that are no server''s, as whoever writes there saw them lately';
"""

# No name of a customer, of a file or of a photo.
VIEWS = """
CREATE VIEW health_hour AS SELECT hour, outcome, records FROM page_outcome_hour;
CREATE VIEW health_customer AS SELECT day, customer_id, outcome, records FROM outcome_by_day;
CREATE VIEW health_outcome AS SELECT customer_id, accepted_at, processed_at FROM ledger_record;
CREATE VIEW health_shard AS SELECT kind, dt, length, committed_at FROM shard WHERE state <> 'removed';
CREATE VIEW health_volume AS SELECT volume, total, free, taken_at FROM volume_reading;
CREATE VIEW page_notice AS
SELECT subject, summary, opened_at, seen_at FROM notice WHERE kind = 'lateness' AND over_at IS NULL;
"""
NAMES = "health_hour, health_customer, health_outcome, health_shard, health_volume"

GRANTS = f"""
GRANT SELECT, INSERT, DELETE ON volume_reading TO photo_api;
GRANT SELECT ON {NAMES} TO photo_bi, photo_pipeline;
GRANT SELECT ON page_notice TO photo_bi;
"""


def upgrade() -> None:
    for statements in (TABLE, VIEWS, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    op.execute(f"DROP VIEW {NAMES}, page_notice")
    op.execute("DROP TABLE volume_reading")
