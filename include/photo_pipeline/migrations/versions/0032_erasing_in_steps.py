"""Erasing goes in steps of so many records, and nobody who may still have read of it is overlooked.

What names a customer's device is blanked with the customer's other details.

Revision ID: 0032
Revises: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# What was begun by the last release was done in one transaction, and has its attempts noted.
PROGRESS = """
ALTER TABLE erasure
  ADD COLUMN forgotten boolean NOT NULL DEFAULT true,
  ADD COLUMN came_to_at timestamptz,
  ADD COLUMN came_to_log integer NOT NULL DEFAULT 0,
  ADD COLUMN came_to_offset bigint NOT NULL DEFAULT 0,
  ALTER COLUMN under_way DROP NOT NULL,
  ALTER COLUMN under_way DROP DEFAULT;
ALTER TABLE erasure ALTER COLUMN forgotten SET DEFAULT false;
COMMENT ON COLUMN erasure.forgotten IS 'Whether all rows have forgotten it';
COMMENT ON COLUMN erasure.came_to_at IS
  'Rows up to this record have forgotten it, the customer''s in the order of their commits';
COMMENT ON COLUMN erasure.under_way IS
  'Slices that were being worked on when all rows had forgotten it, and by which attempt: it may have read of it';
COMMENT ON COLUMN erasure.erased_at IS 'When the last row forgot it';
ALTER TABLE erasure_shard DROP CONSTRAINT erasure_shard_state_check, ADD CONSTRAINT erasure_shard_state_check
  CHECK (state IN ('planned', 'switched', 'rewritten', 'removed', 'untouched'));
"""

# A device is a thing of its customer's: what says which one goes with the file names. The customer's id stays in what
# is counted, and says what belongs together.
ACCOUNTS = """
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
    NEW.device_id := NULL;
  ELSIF NEW.accepted_at <> OLD.accepted_at AND NEW.accepted_at > OLD.binned_at THEN
    NEW.binned_at := NULL;
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION drop_belongings(who uuid) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
  DELETE FROM share WHERE customer_id = who;
  DELETE FROM device WHERE customer_id = who;
  UPDATE hold SET lifted_at = clock_timestamp()
   WHERE customer_id = who AND origin = 'customer' AND lifted_at IS NULL;
$$;
REVOKE EXECUTE ON FUNCTION drop_belongings FROM PUBLIC;

CREATE FUNCTION blank_customer(who uuid, sessions_until timestamptz) RETURNS void LANGUAGE sql
  SET search_path FROM CURRENT AS $$
  UPDATE customer SET email = NULL, display_name = NULL, password_hash = NULL, closed_at = now()
   WHERE customer_id = who AND closed_at IS NULL;
  INSERT INTO ended_session (session_id, forget_at) VALUES (who, sessions_until) ON CONFLICT DO NOTHING;
$$;
REVOKE EXECUTE ON FUNCTION blank_customer FROM PUBLIC;

CREATE OR REPLACE FUNCTION close_account(who uuid, sessions_until timestamptz) RETURNS boolean LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM customer WHERE customer_id = who AND closed_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM drop_belongings(who);
  PERFORM FROM photo WHERE customer_id = who AND status = 'processed' ORDER BY photo_id FOR UPDATE;
  UPDATE photo
     SET binned_at = now(), filename = NULL, camera = NULL, taken_at = NULL, taken_at_offset = NULL, blurhash = NULL,
         dominant_color = NULL, device_id = NULL
   WHERE customer_id = who AND status = 'processed';
  PERFORM blank_customer(who, sessions_until);
  UPDATE ledger_state s SET filename = NULL
    FROM ledger_record r
   WHERE r.customer_id = who AND s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
     AND s.filename IS NOT NULL;
  UPDATE ledger_record SET filename = NULL, detail = NULL, device_id = NULL
   WHERE customer_id = who
     AND (device_id IS NOT NULL OR outcome = 'rejected' AND (filename IS NOT NULL OR detail IS NOT NULL));
  RETURN true;
END $$;

UPDATE photo p SET device_id = NULL
  FROM customer c WHERE c.closed_at IS NOT NULL AND p.customer_id = c.customer_id AND p.device_id IS NOT NULL;
UPDATE ledger_record r SET device_id = NULL
 WHERE device_id IS NOT NULL
   AND (reason = 'erased' OR photo_id IS NULL AND outcome IN ('processed', 'duplicate')
        OR EXISTS (SELECT FROM customer c WHERE c.customer_id = r.customer_id AND c.closed_at IS NOT NULL));
"""

# The documents of a customer who is being erased follow record by record.
TOUCH = """
CREATE OR REPLACE FUNCTION touch_outcomes_of_customer() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM erased_mark WHERE mark = mark_of(NEW.customer_id)) THEN
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

# The door. From here on nothing of a customer is taken any more, and nobody logs in; rows forget them step by step. It
# answers what stands in its way, and the caller undoes what was begun.
BEGIN = r"""
DROP FUNCTION erase_photos;

CREATE FUNCTION owners_of(of_subject text, subject_id uuid) RETURNS uuid[] LANGUAGE sql STABLE
  SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN of_subject = 'customer' THEN ARRAY[subject_id] ELSE (
    SELECT array_agg(DISTINCT customer_id)
      FROM (SELECT customer_id FROM photo WHERE photo_id = subject_id
             UNION ALL
            SELECT customer_id FROM ledger_record
             WHERE photo_id = subject_id AND outcome IN ('processed', 'duplicate')
             UNION ALL
            SELECT customer_id FROM ledger_record WHERE photo_id = subject_id AND outcome = 'rejected') o
     WHERE customer_id IS NOT NULL) END
$$;
REVOKE EXECUTE ON FUNCTION owners_of FROM PUBLIC;

CREATE FUNCTION begin_erasure(
  of_name text, of_subject text, subject_id uuid, with_salt text, with_digest text, why text, by_whom text
) RETURNS jsonb LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '60s' AS $$
DECLARE
  me bigint;
BEGIN
  INSERT INTO erasure (name, subject, salt, digest, reason, asked_by)
  VALUES (of_name, of_subject, with_salt, with_digest, why, by_whom)
  ON CONFLICT (name) DO NOTHING RETURNING erasure_id INTO me;
  IF me IS NULL THEN
    RETURN (SELECT jsonb_build_object('erasure_id', erasure_id, 'subject', subject, 'salt', salt, 'digest', digest)
              FROM erasure WHERE name = of_name);
  END IF;
  PERFORM FROM customer WHERE customer_id = ANY(owners_of(of_subject, subject_id)) ORDER BY customer_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('unknown', true, 'before', EXISTS (SELECT FROM erased_among(ARRAY[subject_id])));
  END IF;
  INSERT INTO erased_mark (mark, erasure_id) VALUES (mark_of(subject_id), me) ON CONFLICT DO NOTHING;
  IF of_subject = 'customer' THEN
    PERFORM pg_advisory_xact_lock(7468120947);
    PERFORM drop_belongings(subject_id);
    PERFORM blank_customer(subject_id, now() + interval '1 day');
  END IF;
  RETURN jsonb_build_object('erasure_id', me, 'subject', of_subject, 'salt', with_salt, 'digest', with_digest);
END $$;
COMMENT ON FUNCTION begin_erasure IS 'Have nothing more of a photo, or of a customer, be taken';
REVOKE EXECUTE ON FUNCTION begin_erasure FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_erasure TO photo_pipeline;
"""

# One transaction after which nothing but shards, documents and Kafka has what these records brought. Locks are taken in
# the order of the rest: customers (a commit that brings a photo of theirs is before this or finds it erased), holds,
# what copies shards, shards, photos by id. A customer's records go in the order of their index, and what no record
# brings last. It answers what stands in its way, and the caller undoes the step.
STEP = r"""
CREATE FUNCTION erase_some(me bigint, of_subject text, subject_id uuid, most integer) RETURNS jsonb LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '60s' AS $$
DECLARE
  here erasure;
  owners uuid[];
  chosen erasure_record[];
  batch erasure_record[];
  gone uuid[];
  rest uuid[] := '{}';
  shards bigint[];
  answer jsonb;
  is_last boolean := true;
  id_pattern constant text := '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
BEGIN
  SELECT * INTO STRICT here FROM erasure WHERE erasure_id = me FOR UPDATE;
  IF here.forgotten THEN
    RETURN jsonb_build_object('left', false);
  END IF;
  here.came_to_at := coalesce(here.came_to_at, '-infinity');
  owners := owners_of(of_subject, subject_id);
  PERFORM FROM customer WHERE customer_id = ANY(owners) ORDER BY customer_id FOR UPDATE;
  PERFORM pg_advisory_xact_lock(7468120947);
  SELECT jsonb_agg(jsonb_build_object('hold_id', hold_id, 'reason', reason, 'placed_by', placed_by) ORDER BY hold_id)
    INTO answer FROM hold
   WHERE customer_id = ANY(owners) AND lifted_at IS NULL AND origin = 'operator'
     AND (of_subject = 'customer' OR photo_id IS NULL OR photo_id = subject_id);
  IF answer IS NOT NULL THEN
    RETURN jsonb_build_object('held', answer);
  END IF;

  gone := ARRAY[subject_id];
  IF of_subject = 'customer' THEN
    SELECT coalesce(array_agg(
             ROW(me, log_id, "offset", processed_at, outcome IN ('processed', 'duplicate'))::erasure_record), '{}'),
           coalesce(array_agg(DISTINCT photo_id) FILTER (WHERE photo_id IS NOT NULL), '{}')
      INTO chosen, gone
      FROM (SELECT log_id, "offset", processed_at, outcome, photo_id FROM ledger_record
             WHERE customer_id = subject_id AND outcome <> 'absent' AND processed_at >= here.came_to_at
               AND (processed_at, log_id, "offset") > (here.came_to_at, here.came_to_log, here.came_to_offset)
             ORDER BY processed_at, log_id, "offset" LIMIT most) r;
    IF cardinality(chosen) < most THEN
      SELECT coalesce(array_agg(photo_id), '{}') INTO rest
        FROM (SELECT photo_id FROM photo WHERE customer_id = subject_id AND photo_id <> ALL(gone) LIMIT most) r;
    END IF;
    is_last := cardinality(chosen) < most AND cardinality(rest) < most;
    gone := gone || rest;
  END IF;
  -- Whoever was copying when this asked for the shards may have made another one by the time they are locked.
  LOOP
    shards := shards_with(gone);
    PERFORM FROM reprocess_attempt WHERE state = 'writing' AND source_shard_id = ANY(shards)
      ORDER BY attempt_id FOR UPDATE;
    PERFORM FROM shard WHERE shard_id = ANY(shards) ORDER BY shard_id FOR UPDATE;
    EXIT WHEN shards_with(gone) <@ shards;
  END LOOP;
  SELECT jsonb_agg(path ORDER BY path) INTO answer FROM shard WHERE shard_id = ANY(shards) AND state = 'expiring';
  IF answer IS NOT NULL THEN
    RETURN jsonb_build_object('busy', answer);
  END IF;
  UPDATE reprocess_attempt SET state = 'abandoned', ended_at = clock_timestamp()
   WHERE state = 'writing' AND source_shard_id = ANY(shards);
  PERFORM FROM photo WHERE photo_id = ANY(gone) ORDER BY photo_id FOR UPDATE;

  INSERT INTO erased_mark (mark, erasure_id)
  SELECT mark_of(id), me FROM unnest(gone) id ON CONFLICT DO NOTHING;
  INSERT INTO erasure_shard (erasure_id, shard_id, path)
  SELECT me, shard_id, path FROM shard WHERE shard_id = ANY(shards) AND state = 'live' ON CONFLICT DO NOTHING;
  WITH fresh AS (
    INSERT INTO erasure_record (erasure_id, log_id, "offset", processed_at, expires)
    SELECT me, r.log_id, r."offset", r.processed_at, r.is_photo AND s.expired_at IS NULL
      FROM (SELECT log_id, "offset", processed_at, true AS is_photo FROM ledger_record
             WHERE photo_id = ANY(gone) AND outcome IN ('processed', 'duplicate')
             UNION
            SELECT log_id, "offset", processed_at, false FROM ledger_record
             WHERE photo_id = ANY(gone) AND outcome = 'rejected'
             UNION
            SELECT log_id, "offset", processed_at, expires FROM unnest(chosen)) r
      LEFT JOIN ledger_state s ON s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
    ON CONFLICT DO NOTHING
    RETURNING erasure_id, log_id, "offset", processed_at, expires)
  SELECT coalesce(array_agg(ROW(erasure_id, log_id, "offset", processed_at, expires)::erasure_record), '{}')
    INTO batch FROM fresh;

  SELECT coalesce(jsonb_agg(jsonb_build_object('topic', topic, 'records', records, 'latest', latest) ORDER BY topic),
                  '[]') INTO answer
    FROM (SELECT topic, sum(records)::bigint AS records, max(latest) AS latest
            FROM (SELECT topic, records, latest
                    FROM jsonb_to_recordset(here.kafka) AS had (topic text, records bigint, latest timestamptz)
                   UNION ALL
                  SELECT l.topic, count(*), max(r.accepted_at)
                    FROM unnest(batch) e
                    JOIN ledger_record r
                      ON r.log_id = e.log_id AND r."offset" = e."offset" AND r.processed_at = e.processed_at
                    JOIN partition_progress l ON l.log_id = e.log_id
                   WHERE r.accepted_at IS NOT NULL GROUP BY l.topic
                   UNION ALL
                  SELECT o.kind, count(*), max(o.published_at)
                    FROM unnest(batch) e
                    JOIN partition_progress l ON l.log_id = e.log_id
                    JOIN outbox o ON o.topic = l.topic AND o."partition" = l."partition"
                     AND o.incarnation = l.incarnation AND o."offset" = e."offset"
                   WHERE o.published_at IS NOT NULL GROUP BY o.kind) parts
           GROUP BY topic) had;

  -- What Kafka has not heard of it yet it does not hear. Entries stay: who finds none would write it anew.
  UPDATE outbox o SET published_at = now()
    FROM unnest(batch) e JOIN partition_progress l ON l.log_id = e.log_id
   WHERE o.topic = l.topic AND o."partition" = l."partition" AND o.incarnation = l.incarnation
     AND o."offset" = e."offset" AND o.published_at IS NULL;
  DELETE FROM bi_refused WHERE document_id IN (
    SELECT l.topic || CASE WHEN l.incarnation = 1 THEN '' ELSE '~' || l.incarnation END
           || '-' || l."partition" || '-' || e."offset"
      FROM unnest(batch) e JOIN partition_progress l ON l.log_id = e.log_id);
  UPDATE ledger_state s
     SET filename = NULL, version = s.version + 1, updated_xid = pg_current_xact_id(),
         expired_at = CASE WHEN e.expires THEN now() ELSE s.expired_at END
    FROM unnest(batch) e
   WHERE s.log_id = e.log_id AND s."offset" = e."offset" AND s.processed_at = e.processed_at;
  INSERT INTO accepted_change
  SELECT day_of(r.accepted_at), r.customer_id, count(*) FILTER (WHERE e.expires), count(*)
    FROM unnest(batch) e
    JOIN ledger_record r ON r.log_id = e.log_id AND r."offset" = e."offset" AND r.processed_at = e.processed_at
   WHERE r.accepted_at IS NOT NULL GROUP BY 1, 2;
  -- So is what was refused: a refused record could be fed to Kafka again, and its bytes with it.
  UPDATE ledger_record r
     SET photo_id = NULL, event_id = NULL, filename = NULL, detail = NULL, device_id = NULL,
         reason = CASE WHEN r.outcome = 'rejected' THEN 'erased' ELSE r.reason END
    FROM unnest(batch) e
   WHERE r.log_id = e.log_id AND r."offset" = e."offset" AND r.processed_at = e.processed_at;

  DELETE FROM share_photo WHERE photo_id = ANY(gone);
  DELETE FROM hold WHERE photo_id = ANY(gone);
  DELETE FROM rendition WHERE photo_id = ANY(gone);
  DELETE FROM photo WHERE photo_id = ANY(gone);
  DELETE FROM reconciliation WHERE subject IS NOT NULL AND EXISTS (
    SELECT FROM regexp_matches(subject || ' ' || detail::text, id_pattern, 'g') m WHERE m[1]::uuid = ANY(gone));
  DELETE FROM notice WHERE EXISTS (
    SELECT FROM regexp_matches(subject || ' ' || summary, id_pattern, 'g') m WHERE m[1]::uuid = ANY(gone));

  SELECT r.processed_at, r.log_id, r."offset" INTO here.came_to_at, here.came_to_log, here.came_to_offset
    FROM (SELECT processed_at, log_id, "offset" FROM unnest(chosen)
           UNION ALL
          SELECT here.came_to_at, here.came_to_log, here.came_to_offset) r
   ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT 1;
  UPDATE erasure
     SET kafka = answer, photos = photos + cardinality(gone), records = records + cardinality(batch),
         erased_at = clock_timestamp(), forgotten = is_last, came_to_at = nullif(here.came_to_at, '-infinity'),
         came_to_log = here.came_to_log, came_to_offset = here.came_to_offset
   WHERE erasure_id = me;
  RETURN jsonb_build_object('left', NOT is_last);
END $$;
COMMENT ON FUNCTION erase_some IS 'Have rows of so many records forget what they brought, and plan which shards follow';
REVOKE EXECUTE ON FUNCTION erase_some FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_some TO photo_pipeline;
"""

# In a transaction of its own: whoever leases a slice after the steps were committed asks what was erased after that,
# too. In a request to do something again the customer's id counts nothing, and goes.
AFTERWARDS = """
CREATE FUNCTION note_readers(me bigint, subject_id uuid) RETURNS void LANGUAGE sql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '60s' AS $$
  UPDATE reprocess_request SET parameters = jsonb_set(parameters, '{customer_id}', '"erased"')
   WHERE parameters ->> 'customer_id' = subject_id::text;
  UPDATE erasure
     SET under_way = (SELECT coalesce(jsonb_object_agg(slice_id, attempt), '{}') FROM slice WHERE state = 'running')
   WHERE erasure_id = me AND forgotten AND under_way IS NULL;
$$;
COMMENT ON FUNCTION note_readers IS 'Note which attempts at slices may have read of what all rows have forgotten';
REVOKE EXECUTE ON FUNCTION note_readers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_readers TO photo_pipeline;
"""


def upgrade() -> None:
    for statements in (PROGRESS, ACCOUNTS, TOUCH, BEGIN, STEP, AFTERWARDS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("an older release would take again what was erased")
