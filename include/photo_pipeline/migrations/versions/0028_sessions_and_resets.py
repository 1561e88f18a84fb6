"""Sessions that their customers see and end, and passwords that are set anew by mail.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

# A session begins under the password that was given for it: who has just replaced it must not be joined by somebody
# whose log-in with the old one was under way.
TABLES = """
ALTER TABLE customer ADD COLUMN password_version bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN customer.password_version IS 'How often it was replaced; a hash made anew is the same password';

CREATE TABLE customer_session (
  session_id  uuid PRIMARY KEY,
  customer_id uuid NOT NULL REFERENCES customer,
  agent       text CHECK (length(agent) <= 100),
  began_at    timestamptz NOT NULL,
  seen_at     timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL
);
CREATE INDEX customer_session_of_customer ON customer_session (customer_id);
CREATE INDEX customer_session_over ON customer_session (expires_at);
COMMENT ON COLUMN customer_session.agent IS 'Program and system by name, no version and no address';

CREATE TABLE password_reset (
  token_hash  bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  customer_id uuid NOT NULL REFERENCES customer,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL
);
CREATE INDEX password_reset_of_customer ON password_reset (customer_id);
CREATE INDEX password_reset_over ON password_reset (expires_at);
COMMENT ON COLUMN password_reset.token_hash IS 'SHA-256 of what the link ends with, which is kept nowhere';
"""

# Whoever closes an account need not know what else there is of it.
FORGETTING = """
CREATE FUNCTION forget_sessions_and_resets() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM customer_session WHERE customer_id = NEW.customer_id;
  DELETE FROM password_reset WHERE customer_id = NEW.customer_id;
  RETURN NULL;
END $$;
CREATE TRIGGER customer_closed_is_forgotten AFTER UPDATE OF closed_at ON customer FOR EACH ROW
  WHEN (NEW.closed_at IS NOT NULL) EXECUTE FUNCTION forget_sessions_and_resets();
"""

GRANTS = """
GRANT UPDATE (password_version) ON customer TO photo_api;
GRANT SELECT, INSERT, DELETE ON customer_session, password_reset TO photo_api;
GRANT UPDATE (seen_at, expires_at) ON customer_session TO photo_api;
"""


def upgrade() -> None:
    for statements in (TABLES, FORGETTING, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP TRIGGER customer_closed_is_forgotten ON customer")
    op.execute("DROP FUNCTION forget_sessions_and_resets")
    op.execute("DROP TABLE password_reset, customer_session")
    op.execute("ALTER TABLE customer DROP COLUMN password_version")
