"""A mark beside the photo's status: what became of it, and how long its bytes are kept, is not the bin's affair.

In a transaction of its own: nobody can read photos to its end.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

COLUMN = """
ALTER TABLE photo ADD COLUMN binned_at timestamptz;
COMMENT ON COLUMN photo.binned_at IS 'Since when its customer does not want it: shown to nobody, kept as long as any';
"""


def upgrade() -> None:
    op.execute(COLUMN)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
