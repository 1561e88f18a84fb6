"""Photos of one moment are in order by name, then by upload: a burst is told apart by nothing else.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Names by their characters, so that the page puts them in the same order.
BY_NAME = """
CREATE INDEX photo_in_order
  ON photo (customer_id, uploaded_at DESC, (coalesce(filename, '') COLLATE "C") DESC, photo_id DESC)
  WHERE status = 'processed';
CREATE INDEX photo_taken_in_order
  ON photo (customer_id, coalesce(taken_at, uploaded_at AT TIME ZONE 'UTC') DESC,
            (coalesce(filename, '') COLLATE "C") DESC, uploaded_at DESC, photo_id DESC)
  WHERE status = 'processed';
"""
BY_MOMENT_ALONE = """
CREATE INDEX photo_in_order ON photo (customer_id, uploaded_at DESC, photo_id DESC) WHERE status = 'processed';
CREATE INDEX photo_taken_in_order
  ON photo (customer_id, coalesce(taken_at, uploaded_at AT TIME ZONE 'UTC') DESC, photo_id DESC)
  WHERE status = 'processed';
"""
# Last, as nobody can read photos from here to the end of the transaction; while the new ones are built, everybody can.
TAKE_THEIR_PLACE = """
DROP INDEX photo_newest_first, photo_newest_taken_first;
ALTER INDEX photo_in_order RENAME TO photo_newest_first;
ALTER INDEX photo_taken_in_order RENAME TO photo_newest_taken_first;
"""


def upgrade() -> None:
    op.execute(BY_NAME)
    op.execute(TAKE_THEIR_PLACE)


def downgrade() -> None:
    op.execute(BY_MOMENT_ALONE)
    op.execute(TAKE_THEIR_PLACE)
