"""Which record brought a customer's first photo is kept for ever, so that a month's new customers can be counted.

Revision ID: 0031
Revises: 0030
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE newcomer (
  customer_id  uuid PRIMARY KEY,
  processed_at timestamptz NOT NULL,
  log_id       integer,
  "offset"     bigint,
  CHECK ((log_id IS NULL) = ("offset" IS NULL))
);
COMMENT ON TABLE newcomer IS 'The record that brought a customer''s first photo; kept when the record goes';
COMMENT ON COLUMN newcomer.log_id IS 'Null where the record had gone before this was kept: then the time is its day';
ALTER TABLE ledger_record ADD COLUMN first_of_customer boolean;
COMMENT ON COLUMN ledger_record.first_of_customer IS 'True of the record that brought its customer''s first photo';
"""

# What commits first is first, and stays it: whatever comes later, however old, finds it there. Customers in the order
# of their ids, so that two commits with the same new ones wait for each other and no more. The record is written twice,
# once for each customer, so that whoever reads it looks up nothing.
NOTING = """
CREATE FUNCTION note_newcomers() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  first record;
BEGIN
  FOR first IN
    INSERT INTO newcomer (customer_id, processed_at, log_id, "offset")
    SELECT DISTINCT ON (customer_id) customer_id, processed_at, log_id, "offset"
      FROM new_records
     WHERE outcome = 'processed' AND customer_id IS NOT NULL
     ORDER BY customer_id, processed_at, log_id, "offset"
    ON CONFLICT (customer_id) DO NOTHING
    RETURNING processed_at, log_id, "offset"
  LOOP
    UPDATE ledger_record r SET first_of_customer = true
     WHERE r.log_id = first.log_id AND r."offset" = first."offset" AND r.processed_at = first.processed_at;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_record_newcomers AFTER INSERT ON ledger_record
  REFERENCING NEW TABLE AS new_records FOR EACH STATEMENT EXECUTE FUNCTION note_newcomers();
"""

# Commits wait from the trigger on. Records of months that have gone are known by their days alone.
KNOWN = """
INSERT INTO newcomer (customer_id, processed_at, log_id, "offset")
SELECT customer_id, CASE WHEN has_gone THEN day::timestamp AT TIME ZONE 'UTC' ELSE processed_at END,
       CASE WHEN NOT has_gone THEN log_id END, CASE WHEN NOT has_gone THEN "offset" END
  FROM (SELECT customer_id, d.day, r.processed_at, r.log_id, r."offset",
               coalesce(d.day < day_of(r.processed_at), r.processed_at IS NULL) AS has_gone
          FROM customer c
          LEFT JOIN (SELECT customer_id, min(day) AS day FROM outcome_day WHERE outcome = 'processed' GROUP BY 1) d
         USING (customer_id)
          LEFT JOIN LATERAL (
                SELECT processed_at, log_id, "offset" FROM ledger_record l
                 WHERE l.customer_id = c.customer_id AND l.outcome = 'processed'
                 ORDER BY processed_at, log_id, "offset" LIMIT 1) r ON true) found
 WHERE day IS NOT NULL OR processed_at IS NOT NULL;
UPDATE ledger_record r SET first_of_customer = true
  FROM newcomer n WHERE r.log_id = n.log_id AND r."offset" = n."offset" AND r.processed_at = n.processed_at;
"""

# A name is looked up for each record. Joined, all names would be read for each: the planner expects as many rows from
# every month as from the one that has it, and thinks a hash of all names worth it.
VIEWS = """
CREATE OR REPLACE VIEW bi_outcome AS
SELECT l.topic, l."partition", r."offset", s.updated_xid, s.version::bigint AS version,
       r.outcome, r.reason AS reject_reason, r.photo_id, r.customer_id,
       (SELECT c.display_name FROM customer c WHERE c.customer_id = r.customer_id) AS customer_name,
       r.source, coalesce(p.bytes, r.bytes) AS bytes, p.format, p.width, p.height,
       round(p.width::numeric * p.height / 1000000, 2) AS megapixels,
       CASE WHEN s.expired_at IS NULL AND p.binned_at IS NULL THEN p.camera END AS camera,
       CASE WHEN s.expired_at IS NULL AND p.binned_at IS NULL THEN p.taken_at END AS taken_at,
       CASE WHEN s.expired_at IS NULL AND p.binned_at IS NULL THEN p.taken_at_offset END AS taken_at_offset,
       r.accepted_at AS uploaded_at, r.processed_at, s.expired_at,
       round(extract(epoch FROM r.processed_at - r.accepted_at) * 1000)::bigint AS latency_ms,
       l.incarnation, r.log_id,
       coalesce(r.first_of_customer, false) AS first_of_customer
  FROM ledger_record r
  LEFT JOIN ledger_state s ON s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
  LEFT JOIN partition_progress l ON l.log_id = r.log_id
  LEFT JOIN photo p ON p.photo_id = r.photo_id AND r.outcome IN ('processed', 'duplicate')
 WHERE r.outcome <> 'absent';

CREATE VIEW bi_newcomer AS
SELECT day_of(n.processed_at) AS day, n.customer_id, c.display_name AS customer_name
  FROM newcomer n LEFT JOIN customer c ON c.customer_id = n.customer_id;
GRANT SELECT ON bi_newcomer TO photo_bi, photo_pipeline;
"""

# Of what is in the search index already, the documents that are to say it are sent again: one for each customer.
TELLING = """
WITH touched AS (
  UPDATE ledger_state s SET version = s.version + 1, updated_xid = pg_current_xact_id()
    FROM ledger_record r
   WHERE r.first_of_customer AND s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
  RETURNING day_of(r.accepted_at) AS day, r.customer_id)
INSERT INTO accepted_change SELECT day, customer_id, 0, count(*) FROM touched WHERE day IS NOT NULL GROUP BY 1, 2;
"""


def upgrade() -> None:
    for statements in (TABLE, NOTING, KNOWN, VIEWS, TELLING):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
