"""Photos are found by what they are: by device too, and in the index alone.

Revision ID: 0027
Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# No key: whoever writes to Kafka may name any device, and a device goes with its customer's account. What is left of it
# then is a number that says what belongs together, as of the customer.
DEVICES = """
ALTER TABLE photo ADD COLUMN device_id uuid;
COMMENT ON COLUMN photo.device_id IS 'The device that says it has streamed the photo';
"""

# Their order is as it was. An entry stays below what an index takes (2,704 bytes) with the longest names there are, 255
# characters of a file's and 100 of a camera's, of four bytes each; a test holds them to that.
INDICES = """
CREATE INDEX photo_found
    ON photo (customer_id, (binned_at IS NULL), uploaded_at DESC, (coalesce(filename, '') COLLATE "C") DESC,
              photo_id DESC)
 INCLUDE (binned_at, source, device_id, camera, format, filename) WHERE status = 'processed';
CREATE INDEX photo_taken_found
    ON photo (customer_id, (binned_at IS NULL), coalesce(taken_at, uploaded_at AT TIME ZONE 'UTC') DESC,
              (coalesce(filename, '') COLLATE "C") DESC, uploaded_at DESC, photo_id DESC)
 INCLUDE (taken_at, binned_at, source, device_id, camera, format, filename) WHERE status = 'processed';
DROP INDEX photo_newest_first, photo_newest_taken_first;
ALTER INDEX photo_found RENAME TO photo_newest_first;
ALTER INDEX photo_taken_found RENAME TO photo_newest_taken_first;
"""


def upgrade() -> None:
    for statements in (DEVICES, INDICES):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
