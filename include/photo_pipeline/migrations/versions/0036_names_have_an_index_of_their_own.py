"""Names of refused files have an index that nothing else fits, and the pipeline may read when slices were committed.

Revision ID: 0036
Revises: 0034
"""

from alembic import op

revision = "0036"
down_revision = "0034"
branch_labels = None
depends_on = None

# A record has a file name where it was refused, until that is blanked: the condition is the name alone. One that also
# says that it was refused lets the planner take any index of refused records for it. While the index is built, commits
# wait; whoever reads does not.
INDEX = """
CREATE INDEX ledger_record_by_filename ON ledger_record (lower(filename) COLLATE "C", processed_at DESC)
 WHERE filename IS NOT NULL;
DROP INDEX ledger_record_refused_by_filename;
"""

# Records are named by their places: the slice says in which month to look.
GRANT = "GRANT SELECT ON page_slice TO photo_pipeline"


def upgrade() -> None:
    for statements in (INDEX, GRANT):
        op.execute(statements)


def downgrade() -> None:
    op.execute("REVOKE SELECT ON page_slice FROM photo_pipeline")
    op.execute("DROP INDEX ledger_record_by_filename")
    op.execute(
        "CREATE INDEX ledger_record_refused_by_filename ON ledger_record "
        "(lower(filename) COLLATE \"C\", processed_at DESC) WHERE outcome = 'rejected' AND filename IS NOT NULL"
    )
