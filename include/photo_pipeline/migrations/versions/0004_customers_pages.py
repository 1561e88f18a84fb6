"""What the customers' pages need: sessions that end, photos that their customer keeps, and an order by time taken.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A session's token goes on to be good after its end, so its id is kept until no token of it can be.
SESSIONS = """
CREATE TABLE ended_session (
  session_id uuid PRIMARY KEY,
  ended_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  forget_at  timestamptz NOT NULL
);
CREATE INDEX ended_session_newest ON ended_session (ended_at);
CREATE INDEX ended_session_forgotten ON ended_session (forget_at);
COMMENT ON COLUMN ended_session.forget_at IS 'From then on no token of this session is good anyway';
"""

# A customer's hold and an operator's on the same photo are two holds: neither can end the other.
HOLDS = """
ALTER TABLE hold ADD COLUMN origin text NOT NULL DEFAULT 'operator' CHECK (origin IN ('operator', 'customer'));
DROP INDEX hold_active;
CREATE UNIQUE INDEX hold_active ON hold (customer_id, photo_id, origin) NULLS NOT DISTINCT WHERE lifted_at IS NULL;
"""

# A camera's time has no zone; photos without one stand where they were uploaded, in UTC.
ORDER = """
CREATE INDEX photo_newest_taken_first
  ON photo (customer_id, coalesce(taken_at, uploaded_at AT TIME ZONE 'UTC') DESC, photo_id DESC)
  WHERE status = 'processed';
"""

GRANTS = """
GRANT SELECT, INSERT, DELETE ON ended_session TO photo_api;
"""


def upgrade() -> None:
    op.execute(SESSIONS)
    op.execute(HOLDS)
    op.execute(ORDER)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP INDEX photo_newest_taken_first, hold_active")
    # One hold a photo is left, the operator's where there are two.
    op.execute(
        "UPDATE hold h SET lifted_at = clock_timestamp() WHERE origin = 'customer' AND lifted_at IS NULL AND EXISTS "
        "(SELECT 1 FROM hold o WHERE o.lifted_at IS NULL AND o.origin = 'operator' AND o.customer_id = h.customer_id "
        "AND o.photo_id IS NOT DISTINCT FROM h.photo_id)"
    )
    op.execute("ALTER TABLE hold DROP COLUMN origin")
    op.execute(
        "CREATE UNIQUE INDEX hold_active ON hold (customer_id, photo_id) NULLS NOT DISTINCT WHERE lifted_at IS NULL"
    )
    op.execute("DROP TABLE ended_session")
