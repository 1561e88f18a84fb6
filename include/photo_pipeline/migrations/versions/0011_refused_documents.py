"""What the search index refused is noted and tried again, and a new generation of it keeps its own progress.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE bi_rebuild (
  name       text PRIMARY KEY,
  watermark  xid8 NOT NULL,
  synced_at  timestamptz,
  documents  bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE bi_rebuild IS 'How far a generation of the search index is that analysts do not see yet';

CREATE TABLE bi_refused (
  month       text NOT NULL,
  document_id text NOT NULL,
  reason      text NOT NULL,
  refused_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (month, document_id)
);
COMMENT ON TABLE bi_refused IS 'Outcomes that the search index did not take; every run of the sync tries them again';

GRANT SELECT, INSERT, UPDATE, DELETE ON bi_rebuild, bi_refused TO photo_pipeline;
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE bi_rebuild, bi_refused")
