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
ORDER = """
DROP INDEX photo_newest_first, photo_newest_taken_first;
CREATE INDEX photo_newest_first
  ON photo (customer_id, uploaded_at DESC, (coalesce(filename, '') COLLATE "C") DESC, photo_id DESC)
  WHERE status = 'processed';
CREATE INDEX photo_newest_taken_first
  ON photo (customer_id, coalesce(taken_at, uploaded_at AT TIME ZONE 'UTC') DESC,
            (coalesce(filename, '') COLLATE "C") DESC, uploaded_at DESC, photo_id DESC)
  WHERE status = 'processed';
"""


def upgrade() -> None:
    op.execute(ORDER)


def downgrade() -> None:
    op.execute("DROP INDEX photo_newest_first, photo_newest_taken_first")
    op.execute(
        "CREATE INDEX photo_newest_first ON photo (customer_id, uploaded_at DESC, photo_id DESC) "
        "WHERE status = 'processed'"
    )
    op.execute(
        "CREATE INDEX photo_newest_taken_first ON photo (customer_id, coalesce(taken_at, uploaded_at AT TIME ZONE "
        "'UTC') DESC, photo_id DESC) WHERE status = 'processed'"
    )
