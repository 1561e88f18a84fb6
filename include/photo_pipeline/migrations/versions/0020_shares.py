"""Links to a selection of photos, for whoever has them.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# A photo is named without a foreign key: it may be forgotten with its month, and whoever looks asks for the photo.
TABLES = """
CREATE TABLE share (
  share_id       uuid PRIMARY KEY,
  customer_id    uuid NOT NULL REFERENCES customer,
  token_hash     bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL,
  views          bigint NOT NULL DEFAULT 0,
  last_viewed_at timestamptz
);
COMMENT ON COLUMN share.token_hash IS 'SHA-256 of what the link ends with: nobody who reads this can make the link';
CREATE INDEX share_of_customer ON share (customer_id, created_at);
CREATE INDEX share_over ON share (expires_at);

CREATE TABLE share_photo (
  share_id uuid NOT NULL REFERENCES share ON DELETE CASCADE,
  photo_id uuid NOT NULL,
  place    integer NOT NULL,
  PRIMARY KEY (share_id, photo_id)
);
"""

GRANTS = """
GRANT SELECT, INSERT, DELETE ON share, share_photo TO photo_api;
GRANT UPDATE (views, last_viewed_at) ON share TO photo_api;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP TABLE share_photo, share")
