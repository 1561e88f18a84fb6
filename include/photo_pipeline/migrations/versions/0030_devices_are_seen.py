"""When a device was last seen, and how much it sends. While indexes are built, commits wait; whoever reads does not.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# The customer comes first: a record may name any device, and only its own customer is told of it.
INDICES = """
CREATE INDEX photo_of_device ON photo (customer_id, device_id, accepted_at DESC) INCLUDE (photo_id, binned_at)
 WHERE status = 'processed' AND device_id IS NOT NULL;
CREATE INDEX ledger_record_refused_of_device ON ledger_record (customer_id, device_id, processed_at DESC)
 INCLUDE (accepted_at) WHERE outcome = 'rejected' AND device_id IS NOT NULL;
"""

# Last: nobody can read devices until the transaction ends.
COLUMN = """
ALTER TABLE device ADD COLUMN seen_at timestamptz;
COMMENT ON COLUMN device.seen_at IS 'When the stream application last asked about it, as late as a minute';
GRANT UPDATE (seen_at) ON device TO photo_api;
"""


def upgrade() -> None:
    for statements in (INDICES, COLUMN):
        op.execute(statements)


def downgrade() -> None:
    op.execute("ALTER TABLE device DROP COLUMN seen_at")
    op.execute("DROP INDEX photo_of_device, ledger_record_refused_of_device")
