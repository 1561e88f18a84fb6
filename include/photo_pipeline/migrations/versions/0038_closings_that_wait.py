"""Since when a closed account waits for the rest of it to be blanked: somebody is told when that takes too long.

Revision ID: 0038
Revises: 0037
"""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

VIEW = """
CREATE VIEW metric_closing AS
SELECT min(c.closed_at) AS closed_at FROM closing JOIN customer c USING (customer_id);
COMMENT ON VIEW metric_closing IS 'When the oldest account was closed of which not everything is blanked yet';
"""
GRANT = "GRANT SELECT ON metric_closing TO photo_bi, photo_pipeline"


def upgrade() -> None:
    for statements in (VIEW, GRANT):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP VIEW metric_closing")
