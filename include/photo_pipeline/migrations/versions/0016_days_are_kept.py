"""What every day came to is kept for ever, and the records of a month that is over may go.

Days are counted from committed slices, once each, and read together with what is not counted yet.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SLICES = """
ALTER TABLE slice ADD COLUMN counted_at timestamptz;
CREATE INDEX slice_uncounted ON slice (slice_id) WHERE state = 'committed' AND counted_at IS NULL;
COMMENT ON COLUMN slice.counted_at IS 'When its records were added to their days';
"""

# Days are those of UTC. A camera is counted without its owner: what is kept for ever says nothing about anybody that
# the photo's expiry takes back.
TABLES = """
CREATE TABLE outcome_day (
  day         date NOT NULL,
  customer_id uuid,
  outcome     text NOT NULL,
  source      text,
  format      text,
  reason      text,
  megapixels  smallint,
  size        smallint,
  records     bigint NOT NULL,
  bytes       bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (day, customer_id, outcome, source, format, reason, megapixels, size)
);
COMMENT ON TABLE outcome_day IS 'Records by the day of their commit';
COMMENT ON COLUMN outcome_day.megapixels IS 'How many of the bounds 1, 4, 8, 12, 24, 50 megapixels it has reached';
COMMENT ON COLUMN outcome_day.size IS 'How many of the bounds 1, 2, 4, 8, 16 MiB it has reached';

CREATE TABLE outcome_hour (
  hour    timestamptz NOT NULL,
  outcome text NOT NULL,
  source  text,
  reason  text,
  records bigint NOT NULL,
  bytes   bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (hour, outcome, source, reason)
);

CREATE TABLE camera_day (
  day    date NOT NULL,
  camera text,
  photos bigint NOT NULL,
  bytes  bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (day, camera)
);

CREATE TABLE latency_day (
  day     date NOT NULL,
  step    integer NOT NULL,
  records bigint NOT NULL,
  PRIMARY KEY (day, step)
);
COMMENT ON COLUMN latency_day.step IS 'Milliseconds from acceptance to commit, as the power of 1.005 that is one more';

CREATE TABLE accepted_day (
  day         date NOT NULL,
  customer_id uuid,
  documents   bigint NOT NULL,
  bytes       bigint NOT NULL,
  expired     bigint NOT NULL,
  versions    bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (day, customer_id)
);
COMMENT ON TABLE accepted_day IS 'What the search index must hold of a day''s acceptances; kept while it is compared';

CREATE TABLE accepted_change (
  day         date NOT NULL,
  customer_id uuid,
  expired     bigint NOT NULL,
  versions    bigint NOT NULL
);
COMMENT ON TABLE accepted_change IS
  'What has changed of records since their commit, and is not in accepted_day yet. Rows are only added and taken away';
"""

# Records of slices that are committed and not yet counted, with what they will be counted by.
UNCOUNTED = """
CREATE FUNCTION day_of(moment timestamptz) RETURNS date LANGUAGE sql IMMUTABLE
  RETURN (moment AT TIME ZONE 'UTC')::date;

CREATE VIEW outcome_uncounted AS
SELECT s.slice_id, day_of(r.processed_at) AS day, date_trunc('hour', r.processed_at, 'UTC') AS hour,
       day_of(r.accepted_at) AS accepted_on, r.customer_id, r.outcome, r.source, r.reason, p.format,
       CASE WHEN p.status = 'processed' THEN p.camera END AS camera,
       width_bucket(round(p.width::numeric * p.height / 1000000, 2), ARRAY[1, 4, 8, 12, 24, 50]::numeric[])::smallint
         AS megapixels,
       width_bucket(coalesce(p.bytes, r.bytes), ARRAY[1048576, 2097152, 4194304, 8388608, 16777216]::bigint[])::smallint
         AS size,
       coalesce(p.bytes, r.bytes) AS bytes,
       CASE WHEN r.processed_at > r.accepted_at
            THEN floor(ln(1 + extract(epoch FROM r.processed_at - r.accepted_at)::float8 * 1000) / ln(1.005::float8))
            WHEN r.accepted_at IS NOT NULL THEN 0 END::integer AS step
  FROM slice s
  JOIN partition_progress l ON l.topic = s.topic AND l."partition" = s."partition" AND l.incarnation = s.incarnation
  JOIN ledger_record r ON r.log_id = l.log_id AND r."offset" >= s."start" AND r."offset" < s."end"
   AND r.processed_at = s.committed_at
  LEFT JOIN photo p ON p.photo_id = r.photo_id AND r.outcome IN ('processed', 'duplicate')
 WHERE s.state = 'committed' AND s.counted_at IS NULL AND r.outcome <> 'absent';
"""

# What changes after the commit is added by whoever changes it. Only what is young enough to be compared matters.
CHANGES = """
INSERT INTO accepted_change
SELECT day_of(r.accepted_at), r.customer_id, count(s.expired_at), sum(s.version - 1)
  FROM ledger_record r
  JOIN ledger_state s ON s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
 WHERE r.accepted_at >= now() - interval '60 days' AND r.outcome <> 'absent' AND s.version > 1
 GROUP BY 1, 2;

CREATE OR REPLACE FUNCTION touch_outcomes_of_photo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- A duplicate changes nothing of what is shown: its commit asks for no more than this.
  IF NOT EXISTS (SELECT FROM old_photos o JOIN new_photos n USING (photo_id)
                  WHERE o.processed_at = n.processed_at
                    AND (o.bytes, o.format, o.width, o.height, o.camera, o.taken_at, o.taken_at_offset, o.expired_at)
                        IS DISTINCT FROM
                        (n.bytes, n.format, n.width, n.height, n.camera, n.taken_at, n.taken_at_offset, n.expired_at))
  THEN
    RETURN NULL;
  END IF;
  WITH changed AS (
    SELECT n.photo_id, n.expired_at AS gone_at, n.processed_at - interval '1 hour' AS born,
           CASE WHEN n.expired_at IS NULL THEN '-infinity' ELSE n.processed_at - interval '1 hour' END AS since
      FROM old_photos o JOIN new_photos n USING (photo_id)
     WHERE o.processed_at = n.processed_at
       AND (o.bytes, o.format, o.width, o.height, o.camera, o.taken_at, o.taken_at_offset, o.expired_at)
           IS DISTINCT FROM
           (n.bytes, n.format, n.width, n.height, n.camera, n.taken_at, n.taken_at_offset, n.expired_at)
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

CREATE OR REPLACE FUNCTION touch_outcomes_of_customer() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
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

VIEWS = """
CREATE VIEW outcome_by_day AS
SELECT day, customer_id, outcome, source, format, reason, megapixels, size, records, bytes FROM outcome_day
 UNION ALL
SELECT day, customer_id, outcome, source, format, reason, megapixels, size, 1, coalesce(bytes, 0)
  FROM outcome_uncounted;

CREATE OR REPLACE VIEW bi_customer_format AS
SELECT d.customer_id, c.display_name AS customer_name, d.format, d.outcome, d.source,
       sum(d.records)::bigint AS records, sum(d.bytes) AS bytes
  FROM outcome_by_day d LEFT JOIN customer c ON c.customer_id = d.customer_id
 GROUP BY 1, 2, 3, 4, 5;

CREATE OR REPLACE VIEW bi_day AS
SELECT d.day, d.outcome, coalesce(d.source, 'none') COLLATE "C" AS source,
       coalesce(d.format, 'none') COLLATE "C" AS format, coalesce(d.reason, 'none') COLLATE "C" AS reject_reason,
       d.customer_id, c.display_name AS customer_name, sum(d.records)::bigint AS records, sum(d.bytes) AS bytes
  FROM outcome_by_day d LEFT JOIN customer c ON c.customer_id = d.customer_id
 GROUP BY 1, 2, 3, 4, 5, 6, 7;

CREATE OR REPLACE VIEW bi_camera AS
SELECT coalesce(camera, 'none') COLLATE "C" AS camera, sum(photos)::bigint AS photos, sum(bytes) AS bytes
  FROM (SELECT camera, photos, bytes FROM camera_day
         UNION ALL
        SELECT camera, 1, coalesce(bytes, 0) FROM outcome_uncounted WHERE outcome = 'processed') counted
 GROUP BY 1;

CREATE OR REPLACE VIEW bi_megapixels AS
SELECT place, names[place + 1] AS size, photos
  FROM (SELECT megapixels::integer AS place, sum(records)::bigint AS photos
          FROM outcome_by_day WHERE outcome = 'processed' AND megapixels IS NOT NULL GROUP BY 1) AS found,
       (VALUES (ARRAY['under 1 MP', '1-4 MP', '4-8 MP', '8-12 MP', '12-24 MP', '24-50 MP', '50 MP and more']))
         AS known (names);

CREATE OR REPLACE VIEW bi_file_size AS
SELECT place, names[place + 1] AS size, photos
  FROM (SELECT outcome_by_day.size::integer AS place, sum(records)::bigint AS photos
          FROM outcome_by_day WHERE outcome = 'processed' AND outcome_by_day.size IS NOT NULL GROUP BY 1) AS found,
       (VALUES (ARRAY['under 1 MiB', '1-2 MiB', '2-4 MiB', '4-8 MiB', '8-16 MiB', '16 MiB and more']))
         AS known (names);

CREATE VIEW latency_by_day AS
SELECT day, step, records FROM latency_day
 UNION ALL
SELECT day, step, 1 FROM outcome_uncounted WHERE step IS NOT NULL;

CREATE OR REPLACE VIEW bi_day_health AS
SELECT day, sum(records)::bigint AS records, sum(bytes) AS bytes,
       sum(rejected)::float8 / sum(records)::float8 AS reject_rate,
       sum(duplicates)::float8 / sum(records)::float8 AS duplicate_rate,
       power(1.005::float8, min(step) FILTER (WHERE upto >= 0.50 * timed)) - 1 AS p50_ms,
       power(1.005::float8, min(step) FILTER (WHERE upto >= 0.95 * timed)) - 1 AS p95_ms,
       power(1.005::float8, min(step) FILTER (WHERE upto >= 0.99 * timed)) - 1 AS p99_ms
  FROM (SELECT *, sum(latencies) OVER (PARTITION BY day ORDER BY step) AS upto,
               sum(latencies) OVER (PARTITION BY day) AS timed
          FROM (SELECT day, step, sum(records) AS records, sum(bytes) AS bytes, sum(rejected) AS rejected,
                       sum(duplicates) AS duplicates, sum(latencies) AS latencies
                  FROM (SELECT day, NULL::integer AS step, records, bytes,
                               CASE WHEN outcome = 'rejected' THEN records ELSE 0 END AS rejected,
                               CASE WHEN outcome = 'duplicate' THEN records ELSE 0 END AS duplicates, 0 AS latencies
                          FROM outcome_by_day
                         UNION ALL
                        SELECT day, step, 0, 0, 0, 0, records FROM latency_by_day) parts
                 GROUP BY day, step) steps) sums
 GROUP BY day;

CREATE OR REPLACE VIEW bi_latency AS
SELECT power(1.005::float8, min(step) FILTER (WHERE upto >= 0.50 * timed)) - 1 AS p50_ms,
       power(1.005::float8, min(step) FILTER (WHERE upto >= 0.95 * timed)) - 1 AS p95_ms,
       power(1.005::float8, min(step) FILTER (WHERE upto >= 0.99 * timed)) - 1 AS p99_ms
  FROM (SELECT step, sum(sum(records)) OVER (ORDER BY step) AS upto, sum(sum(records)) OVER () AS timed
          FROM latency_by_day GROUP BY step) sums;

CREATE OR REPLACE VIEW bi_source_health AS
SELECT coalesce(source, 'none') COLLATE "C" AS source, sum(records)::bigint AS records,
       coalesce(sum(records) FILTER (WHERE outcome = 'duplicate'), 0)::bigint AS duplicates,
       coalesce(sum(records) FILTER (WHERE outcome = 'rejected'), 0)::bigint AS rejected,
       coalesce(sum(records) FILTER (WHERE outcome = 'rejected'), 0)::float8 / sum(records)::float8 AS reject_rate
  FROM outcome_by_day
 GROUP BY 1;

CREATE VIEW page_outcome_hour AS
SELECT hour, outcome, source, reason, records, bytes FROM outcome_hour
 UNION ALL
SELECT hour, outcome, source, reason, 1, coalesce(bytes, 0) FROM outcome_uncounted;

CREATE VIEW accepted_by_day AS
SELECT day, customer_id, documents, bytes, expired, versions FROM accepted_day
 UNION ALL
SELECT day, customer_id, 0, 0, expired, versions FROM accepted_change
 UNION ALL
SELECT accepted_on, customer_id, 1, coalesce(bytes, 0), 0, 1 FROM outcome_uncounted WHERE accepted_on IS NOT NULL;
"""

# What belongs to a month goes before it, in batches; first_offset moves to what is left. The functions refuse what no
# setting can ask for.
ENDS = """
CREATE FUNCTION drop_ledger_month(ledger text, month date) RETURNS boolean LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '5s' AS $$
DECLARE
  part text := format('%s_%s', ledger, to_char(month, 'YYYY_MM'));
BEGIN
  IF ledger NOT IN ('ledger_record', 'ledger_state') OR month > now() - interval '60 days' THEN
    RAISE 'not to be dropped: % of %', ledger, month;
  END IF;
  IF to_regclass(part) IS NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', ledger, part);
  EXECUTE format('DROP TABLE %I', part);
  RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION drop_ledger_month FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_ledger_month TO photo_pipeline;
CREATE INDEX hold_of_photo ON hold (photo_id) WHERE photo_id IS NOT NULL;
CREATE INDEX photo_expired ON photo (expired_at) WHERE status = 'expired';
COMMENT ON COLUMN partition_progress.first_offset IS 'Where reading began, or where what is still kept of it begins';
ALTER TABLE removal DROP CONSTRAINT removal_what_check, ADD CONSTRAINT removal_what_check
  CHECK (what IN ('shards', 'rejected records', 'outbox entries', 'files', 'ledger months', 'expired photos'));
GRANT DELETE ON slice, shard, photo, hold, reprocess_attempt, refed_record TO photo_pipeline;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON outcome_day, outcome_hour, camera_day, latency_day, accepted_day TO photo_pipeline;
GRANT SELECT, INSERT, DELETE ON accepted_change TO photo_pipeline;
GRANT DELETE ON accepted_day TO photo_pipeline;
GRANT SELECT ON outcome_uncounted, accepted_by_day TO photo_pipeline;
GRANT SELECT ON page_outcome_hour TO photo_bi;
"""


def upgrade() -> None:
    for statements in (SLICES, TABLES, UNCOUNTED, CHANGES, VIEWS, ENDS, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
