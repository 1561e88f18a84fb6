"""Photos are found by what they are, in the index alone. While it is built, commits wait; whoever reads does not.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

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
    op.execute(INDICES)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
