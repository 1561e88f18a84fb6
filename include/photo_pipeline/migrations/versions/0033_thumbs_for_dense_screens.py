"""A photo may have one rendition more, ``thumb2x``. What is there already is looked at without keeping anybody waiting.

Revision ID: 0033
Revises: 0032
"""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

CHECK = """
ALTER TABLE rendition DROP CONSTRAINT rendition_kind_check;
ALTER TABLE rendition ADD CONSTRAINT rendition_kind_check
CHECK (kind IN ('original', 'web', 'thumb', 'thumb2x')) NOT VALID;
"""


def upgrade() -> None:
    op.execute(CHECK)
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE rendition VALIDATE CONSTRAINT rendition_kind_check")


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables while no photo has the new rendition")
