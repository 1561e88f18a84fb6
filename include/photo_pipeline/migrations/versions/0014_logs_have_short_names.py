"""A log gets a number: what the big tables say instead of topic, partition and incarnation.

By itself, as it is done in a moment: the copy that follows would keep everybody from this table until its end.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMN = """
ALTER TABLE partition_progress ADD COLUMN log_id integer GENERATED ALWAYS AS IDENTITY UNIQUE;
COMMENT ON COLUMN partition_progress.log_id IS 'The log''s short name in the tables that have a row for every record';
"""

# Whoever reads in commit order only sees views, and has to find a position's log.
VIEWS = """
CREATE OR REPLACE VIEW metric_progress AS
SELECT topic, "partition", first_offset, next_offset,
       incarnation, topic_id, state, kafka_end, seen_at, troubled_at, settled_at, log_id
  FROM partition_progress;
"""


def upgrade() -> None:
    op.execute(COLUMN)
    op.execute(VIEWS)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
