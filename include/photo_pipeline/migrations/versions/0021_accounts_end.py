"""Accounts that their customers close: what is personal goes at once, and what is counted stays.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE customer
  ADD COLUMN closed_at timestamptz,
  ALTER COLUMN email DROP NOT NULL,
  ALTER COLUMN display_name DROP NOT NULL,
  ALTER COLUMN password_hash DROP NOT NULL,
  ADD CONSTRAINT customer_closed_is_blank
    CHECK (CASE WHEN closed_at IS NULL THEN 3 ELSE 0 END = num_nonnulls(email, display_name, password_hash));
CREATE INDEX customer_closed ON customer (closed_at) WHERE closed_at IS NOT NULL;
COMMENT ON COLUMN customer.closed_at IS 'Whoever it was is not known any more; the id still says what belongs together';
COMMENT ON COLUMN ended_session.session_id IS 'Of a session, or a customer''s, all of whose sessions have ended';
"""

# Nobody brings back what belongs to nobody, nor what was known of it: whoever derives a photo anew would.
LEAVING = """
CREATE OR REPLACE FUNCTION leave_bin() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.status = 'expired' THEN
    NEW.binned_at := NULL;
  ELSIF EXISTS (SELECT FROM customer WHERE customer_id = NEW.customer_id AND closed_at IS NOT NULL) THEN
    NEW.binned_at := OLD.binned_at;
    NEW.filename := NULL;
    NEW.camera := NULL;
    NEW.taken_at := NULL;
    NEW.taken_at_offset := NULL;
    NEW.blurhash := NULL;
    NEW.dominant_color := NULL;
  ELSIF NEW.accepted_at <> OLD.accepted_at AND NEW.accepted_at > OLD.binned_at THEN
    NEW.binned_at := NULL;
  END IF;
  RETURN NEW;
END $$;
"""

# One door for what no role may do by itself. The customer's row is locked as a foreign key's check would have to wait
# for: a commit that brings a photo of theirs is before this or after it, and asks again afterwards.
CLOSING = """
CREATE FUNCTION close_account(who uuid, sessions_until timestamptz) RETURNS boolean LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM customer WHERE customer_id = who AND closed_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM share WHERE customer_id = who;
  DELETE FROM device WHERE customer_id = who;
  UPDATE hold SET lifted_at = clock_timestamp()
   WHERE customer_id = who AND origin = 'customer' AND lifted_at IS NULL;
  PERFORM FROM photo WHERE customer_id = who AND status = 'processed' ORDER BY photo_id FOR UPDATE;
  UPDATE photo
     SET binned_at = now(), filename = NULL, camera = NULL, taken_at = NULL, taken_at_offset = NULL, blurhash = NULL,
         dominant_color = NULL
   WHERE customer_id = who AND status = 'processed';
  UPDATE customer SET email = NULL, display_name = NULL, password_hash = NULL, closed_at = now()
   WHERE customer_id = who;
  UPDATE ledger_state s SET filename = NULL
    FROM ledger_record r
   WHERE r.customer_id = who AND s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
     AND s.filename IS NOT NULL;
  UPDATE ledger_record SET filename = NULL, detail = NULL
   WHERE customer_id = who AND outcome = 'rejected' AND (filename IS NOT NULL OR detail IS NOT NULL);
  INSERT INTO ended_session (session_id, forget_at) VALUES (who, sessions_until) ON CONFLICT DO NOTHING;
  RETURN true;
END $$;
COMMENT ON FUNCTION close_account IS 'Blank all that is personal of a customer, hide their photos, end their sessions';
REVOKE EXECUTE ON FUNCTION close_account FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_account TO photo_api;
"""

GRANTS = """
GRANT SELECT (closed_at) ON customer TO photo_pipeline;
"""


def upgrade() -> None:
    for statements in (COLUMNS, LEAVING, CLOSING, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("an account that was closed cannot be opened by an older release")
