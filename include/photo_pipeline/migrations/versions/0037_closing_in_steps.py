"""An account is closed at once and blanked in steps; a step of an erasure reads no more than its own records.

Revision ID: 0037
Revises: 0036
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE closing (
  customer_id    uuid PRIMARY KEY,
  came_to_at     timestamptz NOT NULL DEFAULT '-infinity',
  came_to_log    integer NOT NULL DEFAULT 0,
  came_to_offset bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE closing IS 'Closed accounts that are not wholly blanked yet: up to which of their records they are';
GRANT SELECT ON closing TO photo_api, photo_pipeline;
"""

# The documents of a customer who goes follow record by record, whether the account is closed or the customer erased.
TOUCH = """
CREATE OR REPLACE FUNCTION touch_outcomes_of_customer() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.closed_at IS NOT NULL OR EXISTS (SELECT FROM erased_mark WHERE mark = mark_of(NEW.customer_id)) THEN
    RETURN NULL;
  END IF;
  WITH touched AS (
    UPDATE ledger_state s SET version = s.version + 1, updated_xid = pg_current_xact_id()
      FROM ledger_record r
     WHERE r.customer_id = NEW.customer_id
       AND s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
    RETURNING day_of(r.accepted_at) AS day)
  INSERT INTO accepted_change SELECT day, NEW.customer_id, 0, count(*) FROM touched WHERE day IS NOT NULL GROUP BY 1;
  RETURN NULL;
END $$;
"""

# From here on nobody logs in, sees a link, or adds anything. Commits of that customer wait for this, and are not met
# again: what comes after it is blank from the beginning.
BEGIN = """
CREATE OR REPLACE FUNCTION close_account(who uuid, sessions_until timestamptz) RETURNS boolean LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM customer WHERE customer_id = who AND closed_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM drop_belongings(who);
  PERFORM blank_customer(who, sessions_until);
  INSERT INTO closing (customer_id) VALUES (who) ON CONFLICT DO NOTHING;
  RETURN true;
END $$;
COMMENT ON FUNCTION close_account IS 'End an account and its sessions; close_some blanks what it leaves';
"""

# So many records in the order of their index, with the photos that they brought; photos that no record brings any more
# go last. Photos are locked in the order of their ids, as by whoever commits or expires them.
STEP = """
CREATE FUNCTION close_some(who uuid, most integer) RETURNS integer LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '60s' AS $$
DECLARE
  here closing;
  chosen closing[];
  theirs uuid[];
  rest uuid[] := '{}';
BEGIN
  SELECT * INTO here FROM closing WHERE customer_id = who FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  SELECT coalesce(array_agg(ROW(who, processed_at, log_id, "offset")::closing ORDER BY processed_at, log_id, "offset"),
                  '{}'),
         coalesce(array_agg(DISTINCT photo_id) FILTER (WHERE outcome IN ('processed', 'duplicate')), '{}')
    INTO chosen, theirs
    FROM (SELECT log_id, "offset", processed_at, outcome, photo_id FROM ledger_record
           WHERE customer_id = who AND processed_at >= here.came_to_at
             AND (processed_at, log_id, "offset") > (here.came_to_at, here.came_to_log, here.came_to_offset)
           ORDER BY processed_at, log_id, "offset" LIMIT most) r;
  IF cardinality(chosen) < most THEN
    SELECT coalesce(array_agg(photo_id), '{}') INTO rest
      FROM (SELECT photo_id FROM photo
             WHERE customer_id = who AND status = 'processed'
               AND (binned_at IS NULL OR num_nonnulls(filename, camera, taken_at, blurhash, device_id) > 0)
               AND photo_id <> ALL(theirs)
             LIMIT most) r;
  END IF;
  theirs := theirs || rest;
  PERFORM FROM photo WHERE photo_id = ANY(theirs) ORDER BY photo_id FOR UPDATE;
  UPDATE photo
     SET binned_at = coalesce(binned_at, now()), filename = NULL, camera = NULL, taken_at = NULL,
         taken_at_offset = NULL, blurhash = NULL, dominant_color = NULL, device_id = NULL
   WHERE photo_id = ANY(theirs) AND customer_id = who AND status = 'processed';
  UPDATE ledger_state s SET filename = NULL, version = s.version + 1, updated_xid = pg_current_xact_id()
    FROM unnest(chosen) e
   WHERE s.log_id = e.came_to_log AND s."offset" = e.came_to_offset AND s.processed_at = e.came_to_at;
  INSERT INTO accepted_change
  SELECT day_of(r.accepted_at), who, 0, count(*)
    FROM unnest(chosen) e
    JOIN ledger_record r
      ON r.log_id = e.came_to_log AND r."offset" = e.came_to_offset AND r.processed_at = e.came_to_at
   WHERE r.accepted_at IS NOT NULL GROUP BY 1;
  UPDATE ledger_record r SET filename = NULL, detail = NULL, device_id = NULL
    FROM unnest(chosen) e
   WHERE r.log_id = e.came_to_log AND r."offset" = e.came_to_offset AND r.processed_at = e.came_to_at
     AND (r.device_id IS NOT NULL OR r.outcome = 'rejected' AND num_nonnulls(r.filename, r.detail) > 0);
  IF cardinality(chosen) < most AND cardinality(rest) < most THEN
    DELETE FROM closing WHERE customer_id = who;
  ELSIF cardinality(chosen) > 0 THEN
    UPDATE closing
       SET (customer_id, came_to_at, came_to_log, came_to_offset) = (SELECT * FROM unnest(chosen[cardinality(chosen):]))
     WHERE customer_id = who;
  END IF;
  RETURN cardinality(chosen) + cardinality(rest);
END $$;
COMMENT ON FUNCTION close_some IS 'Blank and hide so many more of what a closed account has left; how many there were';
REVOKE EXECUTE ON FUNCTION close_some FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_some TO photo_api, photo_pipeline;
"""

# One clause of a long function. The state of each record that is forgotten is looked up: joined, the planner thinks
# that every month has as many of them as the one that has, and reads the state of all records there are, in each step.
ERASING = """
DO $do$
DECLARE
  joined constant text := 'LEFT JOIN ledger_state s ON s.log_id = r.log_id AND s."offset" = r."offset" AND '
    's.processed_at = r.processed_at';
  looked_up constant text := 'LEFT JOIN LATERAL (SELECT expired_at FROM ledger_state WHERE log_id = r.log_id AND '
    '"offset" = r."offset" AND processed_at = r.processed_at OFFSET 0) s ON true';
  function constant text := pg_get_functiondef('erase_some'::regproc);
BEGIN
  ASSERT position(joined IN function) > 0, 'erase_some is not as migration 0032 has left it';
  EXECUTE replace(function, joined, looked_up);
END $do$;
"""


def upgrade() -> None:
    for statements in (TABLE, TOUCH, BEGIN, STEP, ERASING):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("an older release would leave what is not blanked yet")
