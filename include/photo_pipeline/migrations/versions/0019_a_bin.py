"""Customers' bins: photos that are hidden at once, and come back when they are asked for or sent again.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# A page goes by what is shown, whatever lies in the bin; whoever looks for all of a customer's live photos has the same
# indexes. The bin itself costs nothing while it is empty.
INDICES = """
CREATE INDEX photo_shown
    ON photo (customer_id, (binned_at IS NULL), uploaded_at DESC, (coalesce(filename, '') COLLATE "C") DESC,
              photo_id DESC)
 WHERE status = 'processed';
CREATE INDEX photo_taken_shown
    ON photo (customer_id, (binned_at IS NULL), coalesce(taken_at, uploaded_at AT TIME ZONE 'UTC') DESC,
              (coalesce(filename, '') COLLATE "C") DESC, uploaded_at DESC, photo_id DESC)
 WHERE status = 'processed';
CREATE INDEX photo_binned ON photo (customer_id, binned_at DESC, photo_id DESC) WHERE binned_at IS NOT NULL;
CREATE INDEX photo_binned_longest ON photo (binned_at) WHERE binned_at IS NOT NULL;
"""

# Last, as nobody can read photos from here to the end of the transaction; while the new ones are built, everybody can.
TAKE_THEIR_PLACE = """
DROP INDEX photo_newest_first, photo_newest_taken_first;
ALTER INDEX photo_shown RENAME TO photo_newest_first;
ALTER INDEX photo_taken_shown RENAME TO photo_newest_taken_first;
"""

# No writer can forget to: a photo that expires is in no bin, and one that was accepted after it was binned was wanted
# again. What was under way when it was binned brings it back to nobody.
LEAVING = """
CREATE FUNCTION leave_bin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = 'expired' OR (NEW.accepted_at <> OLD.accepted_at AND NEW.accepted_at > OLD.binned_at) THEN
    NEW.binned_at := NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER photo_leaves_bin BEFORE UPDATE ON photo FOR EACH ROW WHEN (OLD.binned_at IS NOT NULL)
  EXECUTE FUNCTION leave_bin();
"""

# The bin is the API's to fill, which may not write records: this runs with the owner's rights. Records of earlier lives
# are looked for only where facts have changed that hold for every life.
TOUCH = """
CREATE OR REPLACE FUNCTION touch_outcomes_of_photo() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  -- A duplicate changes nothing of what is shown: its commit asks for no more than this.
  IF NOT EXISTS (SELECT FROM old_photos o JOIN new_photos n USING (photo_id)
                  WHERE o.processed_at = n.processed_at
                    AND (o.bytes, o.format, o.width, o.height, o.camera, o.taken_at, o.taken_at_offset, o.expired_at,
                         o.binned_at IS NULL)
                        IS DISTINCT FROM
                        (n.bytes, n.format, n.width, n.height, n.camera, n.taken_at, n.taken_at_offset, n.expired_at,
                         n.binned_at IS NULL))
  THEN
    RETURN NULL;
  END IF;
  WITH differing AS (
    SELECT n.photo_id, n.expired_at AS gone_at, n.processed_at - interval '1 hour' AS born,
           (o.bytes, o.format, o.width, o.height, o.camera, o.taken_at, o.taken_at_offset, o.expired_at)
             IS DISTINCT FROM
           (n.bytes, n.format, n.width, n.height, n.camera, n.taken_at, n.taken_at_offset, n.expired_at) AS in_facts,
           (o.binned_at IS NULL) <> (n.binned_at IS NULL) AS in_being_shown
      FROM old_photos o JOIN new_photos n USING (photo_id)
     WHERE o.processed_at = n.processed_at
  ), changed AS (
    SELECT photo_id, gone_at, born, CASE WHEN in_facts AND gone_at IS NULL THEN '-infinity' ELSE born END AS since
      FROM differing WHERE in_facts OR in_being_shown
  ), touched AS (
    UPDATE ledger_state s
       SET version = s.version + 1, updated_xid = pg_current_xact_id(),
           expired_at = CASE WHEN r.is_of_last_life THEN r.gone_at ELSE s.expired_at END,
           filename = CASE WHEN r.gone_at IS NULL THEN s.filename END
      FROM changed p
     CROSS JOIN LATERAL (
           SELECT l.log_id, l."offset", l.processed_at, l.accepted_at, l.customer_id, p.gone_at,
                  l.processed_at >= p.born AS is_of_last_life
             FROM ledger_record l
            WHERE l.photo_id = p.photo_id AND l.processed_at >= p.since AND l.outcome IN ('processed', 'duplicate')
           OFFSET 0) r
     WHERE s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
    RETURNING day_of(r.accepted_at) AS day, r.customer_id,
              (r.is_of_last_life AND r.gone_at IS NOT NULL)::integer AS expired)
  INSERT INTO accepted_change
  SELECT day, customer_id, sum(expired), count(*) FROM touched WHERE day IS NOT NULL GROUP BY 1, 2;
  RETURN NULL;
END $$;
"""

# To analysts a photo in the bin is as one that has expired: figures.
VIEW = """
CREATE OR REPLACE VIEW bi_outcome AS
SELECT l.topic, l."partition", r."offset", s.updated_xid, s.version::bigint AS version,
       r.outcome, r.reason AS reject_reason, r.photo_id, r.customer_id, c.display_name AS customer_name,
       r.source, coalesce(p.bytes, r.bytes) AS bytes, p.format, p.width, p.height,
       round(p.width::numeric * p.height / 1000000, 2) AS megapixels,
       CASE WHEN s.expired_at IS NULL AND p.binned_at IS NULL THEN p.camera END AS camera,
       CASE WHEN s.expired_at IS NULL AND p.binned_at IS NULL THEN p.taken_at END AS taken_at,
       CASE WHEN s.expired_at IS NULL AND p.binned_at IS NULL THEN p.taken_at_offset END AS taken_at_offset,
       r.accepted_at AS uploaded_at, r.processed_at, s.expired_at,
       round(extract(epoch FROM r.processed_at - r.accepted_at) * 1000)::bigint AS latency_ms,
       l.incarnation, r.log_id
  FROM ledger_record r
  LEFT JOIN ledger_state s ON s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
  LEFT JOIN partition_progress l ON l.log_id = r.log_id
  LEFT JOIN customer c ON c.customer_id = r.customer_id
  LEFT JOIN photo p ON p.photo_id = r.photo_id AND r.outcome IN ('processed', 'duplicate')
 WHERE r.outcome <> 'absent';
"""

GRANTS = """
GRANT UPDATE (binned_at) ON photo TO photo_api;
"""


def upgrade() -> None:
    for statements in (INDICES, LEAVING, TOUCH, VIEW, GRANTS, TAKE_THEIR_PLACE):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
