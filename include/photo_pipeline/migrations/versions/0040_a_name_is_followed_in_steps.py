"""Another name is one row; what analysts see of it follows with the next sync, in steps.

Revision ID: 0040
Revises: 0039
"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE renaming (
  customer_id    uuid PRIMARY KEY,
  came_to_at     timestamptz NOT NULL DEFAULT '-infinity',
  came_to_log    integer NOT NULL DEFAULT 0,
  came_to_offset bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE renaming IS 'Customers with another name: up to which of their records it has been followed';
GRANT SELECT ON renaming TO photo_pipeline;
"""

# A name that is changed once more is followed from the beginning. Of an account that ends, records follow as they are
# blanked.
NOTE = """
CREATE FUNCTION note_renaming() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM renaming WHERE customer_id = NEW.customer_id;
  IF NEW.closed_at IS NULL THEN
    INSERT INTO renaming (customer_id) VALUES (NEW.customer_id);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER customer_renamed AFTER UPDATE ON customer FOR EACH ROW
  WHEN (OLD.display_name IS DISTINCT FROM NEW.display_name) EXECUTE FUNCTION note_renaming();
DROP TRIGGER customer_outcomes_touch ON customer;
DROP FUNCTION touch_outcomes_of_customer();
"""

# In the order of their index. Who is being renamed once more has their turn afterwards.
STEP = """
CREATE FUNCTION rename_some(most integer) RETURNS boolean LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '60s' AS $$
DECLARE
  here renaming;
  chosen renaming[];
BEGIN
  SELECT * INTO here FROM renaming ORDER BY customer_id LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  SELECT coalesce(array_agg(ROW(here.customer_id, processed_at, log_id, "offset")::renaming
                            ORDER BY processed_at, log_id, "offset"), '{}')
    INTO chosen
    FROM (SELECT log_id, "offset", processed_at FROM ledger_record
           WHERE customer_id = here.customer_id AND processed_at >= here.came_to_at
             AND (processed_at, log_id, "offset") > (here.came_to_at, here.came_to_log, here.came_to_offset)
           ORDER BY processed_at, log_id, "offset" LIMIT most) r;
  WITH touched AS (
    UPDATE ledger_state s SET version = s.version + 1, updated_xid = pg_current_xact_id()
      FROM unnest(chosen) e
     WHERE s.log_id = e.came_to_log AND s."offset" = e.came_to_offset AND s.processed_at = e.came_to_at
    RETURNING e.*)
  INSERT INTO accepted_change
  SELECT day_of(r.accepted_at), here.customer_id, 0, count(*)
    FROM touched e
    JOIN ledger_record r
      ON r.log_id = e.came_to_log AND r."offset" = e.came_to_offset AND r.processed_at = e.came_to_at
   WHERE r.accepted_at IS NOT NULL GROUP BY 1;
  IF cardinality(chosen) < most THEN
    DELETE FROM renaming WHERE customer_id = here.customer_id;
  ELSE
    UPDATE renaming
       SET (customer_id, came_to_at, came_to_log, came_to_offset) = (SELECT * FROM unnest(chosen[most:]))
     WHERE customer_id = here.customer_id;
  END IF;
  RETURN true;
END $$;
COMMENT ON FUNCTION rename_some IS 'Have so many more outcomes of somebody with another name count as changed';
REVOKE EXECUTE ON FUNCTION rename_some FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rename_some TO photo_pipeline;
"""


def upgrade() -> None:
    for statements in (TABLE, NOTE, STEP):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("an older release would not follow the names that wait")
