"""Whoever commits a slice and whoever closes an account take turns, also where no new photo comes.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# A new photo's foreign key locks its customer; a photo that is renewed, and a refusal, lock none. A row's lock takes a
# right to change the row, which the pipeline has not: one door instead. Rows come as they are once whoever had them is
# done.
KEEPING = """
CREATE FUNCTION keep_open(customers uuid[]) RETURNS SETOF uuid LANGUAGE sql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH locked AS MATERIALIZED (
    SELECT customer_id, closed_at FROM customer
     WHERE customer_id = ANY(customers) ORDER BY customer_id FOR KEY SHARE
  )
  SELECT customer_id FROM locked WHERE closed_at IS NOT NULL
$$;
COMMENT ON FUNCTION keep_open IS 'Have accounts not be closed until this transaction ends; which are closed already';
REVOKE EXECUTE ON FUNCTION keep_open FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_open TO photo_pipeline;
"""


def upgrade() -> None:
    op.execute(KEEPING)


def downgrade() -> None:
    op.execute("DROP FUNCTION keep_open")
