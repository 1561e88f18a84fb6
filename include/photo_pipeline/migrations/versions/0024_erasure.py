"""Photos that an operator erases at once: rows forget them, shards are written anew, and they are not taken again.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# What was derived from a shard is asked for with it.
SHARDS = """
ALTER TABLE shard ADD COLUMN rewrites integer NOT NULL DEFAULT 0, ADD COLUMN rewritten_at timestamptz;
COMMENT ON COLUMN shard.rewrites IS 'The latest attempt at writing it anew without what was erased; fences others off';
COMMENT ON COLUMN shard.rewritten_at IS 'When its file was replaced: since then the file is younger than its photos';
CREATE INDEX reprocess_attempt_of_source ON reprocess_attempt (source_shard_id);
"""

# No row names what was erased. What is remembered of a photo takes the key to be made again, which no role may read; of
# whom an erasure was about is known who has the id.
TABLES = """
CREATE TABLE erasure (
  erasure_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name         text NOT NULL UNIQUE,
  subject      text NOT NULL CHECK (subject IN ('photo', 'customer')),
  salt         text NOT NULL,
  digest       text NOT NULL,
  reason       text NOT NULL,
  asked_by     text NOT NULL,
  erased_at    timestamptz NOT NULL DEFAULT now(),
  photos       bigint NOT NULL DEFAULT 0,
  records      bigint NOT NULL DEFAULT 0,
  kafka        jsonb NOT NULL DEFAULT '[]',
  under_way    jsonb NOT NULL DEFAULT '{}',
  proven_at    timestamptz,
  proof        text,
  CHECK ((proven_at IS NULL) = (proof IS NULL))
);
COMMENT ON COLUMN erasure.name IS 'Of the run that asked: who asks again under it goes on';
COMMENT ON COLUMN erasure.digest IS 'SHA-256, in hexadecimal, of the salt and the id of the photo or customer';
COMMENT ON COLUMN erasure.kafka IS 'What Kafka had of it, by topic or kind of event: how many, and the youngest';

COMMENT ON COLUMN erasure.under_way IS 'Slices that were being worked on, and by which attempt: it may have read of it';

CREATE TABLE erasure_shard (
  erasure_id bigint NOT NULL REFERENCES erasure,
  shard_id   bigint NOT NULL,
  path       text NOT NULL,
  state      text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'switched', 'rewritten', 'removed')),
  PRIMARY KEY (erasure_id, shard_id)
);
COMMENT ON COLUMN erasure_shard.path IS 'Of the file that has what is to be erased';

CREATE TABLE erasure_record (
  erasure_id   bigint NOT NULL REFERENCES erasure,
  log_id       integer NOT NULL,
  "offset"     bigint NOT NULL,
  processed_at timestamptz NOT NULL,
  expires      boolean NOT NULL,
  PRIMARY KEY (erasure_id, log_id, "offset", processed_at)
);
COMMENT ON TABLE erasure_record IS 'Records whose documents are still to follow; emptied when the erasure is proven';

CREATE TABLE erased_mark (
  mark       bytea PRIMARY KEY CHECK (length(mark) = 32),
  erasure_id bigint NOT NULL REFERENCES erasure
);
COMMENT ON TABLE erased_mark IS 'Photos that are not taken again, and customers, by a keyed hash of their ids';

CREATE TABLE erasure_key (one boolean PRIMARY KEY DEFAULT true CHECK (one), secret bytea NOT NULL);
INSERT INTO erasure_key (secret) VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
"""

MEMORY = """
CREATE FUNCTION mark_of(id uuid) RETURNS bytea LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
  RETURN (SELECT sha256(secret || uuid_send(id) || secret) FROM erasure_key);
REVOKE EXECUTE ON FUNCTION mark_of FROM PUBLIC;

CREATE FUNCTION erased_among(ids uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT id FROM unnest(ids) id WHERE EXISTS (SELECT FROM erased_mark e WHERE e.mark = mark_of(id))
$$;
COMMENT ON FUNCTION erased_among IS 'Those of these photos and customers that have been erased';
REVOKE EXECUTE ON FUNCTION erased_among FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erased_among TO photo_pipeline;
"""

# Where a photo's bytes lie: where its index points to, in the shard of each slice that brought it, and in whatever was
# copied from one of these. A hold shard's file says which shard it was copied from.
PLACES = r"""
CREATE FUNCTION shards_with(ids uuid[]) RETURNS bigint[] LANGUAGE sql STABLE
  SET search_path = pg_catalog, public, pg_temp AS $$
  WITH RECURSIVE found (shard_id) AS (
    SELECT shard_id FROM (
      SELECT shard_id FROM photo WHERE photo_id = ANY(ids) AND shard_id IS NOT NULL
       UNION
      SELECT shard_id FROM rendition WHERE photo_id = ANY(ids)
       UNION
      SELECT s.shard_id FROM ledger_record r JOIN shard s ON s.slice_id = r.slice_id
       WHERE r.photo_id = ANY(ids) AND r.outcome IN ('processed', 'duplicate')) own
     UNION
    SELECT copy.shard_id FROM found f
     CROSS JOIN LATERAL (
           SELECT a.shard_id FROM reprocess_attempt a WHERE a.source_shard_id = f.shard_id AND a.shard_id IS NOT NULL
            UNION ALL
           SELECT h.shard_id FROM shard h
            WHERE h.kind = 'hold' AND h.state <> 'removed'
              AND substring(h.path FROM 'hold-(\d+)-\d+\.tar$')::bigint = f.shard_id) copy
  )
  SELECT coalesce(array_agg(s.shard_id ORDER BY s.shard_id), '{}')
    FROM found f JOIN shard s ON s.shard_id = f.shard_id WHERE s.state <> 'removed'
$$;
REVOKE EXECUTE ON FUNCTION shards_with FROM PUBLIC;
"""

# One door, and one transaction after which nothing but shards, documents and Kafka has it. Locks are taken in the order
# of the rest: customers (a commit that brings a photo of theirs is before this or finds it erased), holds, what copies
# shards, shards, photos by id. It answers what stands in its way, and the caller undoes what was begun.
ERASE = r"""
CREATE FUNCTION erase_photos(
  of_name text, of_subject text, subject_id uuid, with_salt text, with_digest text, why text, by_whom text
) RETURNS jsonb LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '60s' AS $$
DECLARE
  me bigint;
  owners uuid[];
  gone uuid[];
  shards bigint[];
  answer jsonb;
  id_pattern constant text := '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
BEGIN
  INSERT INTO erasure (name, subject, salt, digest, reason, asked_by)
  VALUES (of_name, of_subject, with_salt, with_digest, why, by_whom)
  ON CONFLICT (name) DO NOTHING RETURNING erasure_id INTO me;
  IF me IS NULL THEN
    RETURN (SELECT jsonb_build_object('erasure_id', erasure_id, 'subject', subject, 'salt', salt, 'digest', digest)
              FROM erasure WHERE name = of_name);
  END IF;

  IF of_subject = 'customer' THEN
    owners := ARRAY[subject_id];
  ELSE
    SELECT array_agg(DISTINCT customer_id) INTO owners
      FROM (SELECT customer_id FROM photo WHERE photo_id = subject_id
             UNION ALL
            SELECT customer_id FROM ledger_record
             WHERE photo_id = subject_id AND outcome IN ('processed', 'duplicate')
             UNION ALL
            SELECT customer_id FROM ledger_record WHERE photo_id = subject_id AND outcome = 'rejected') o
     WHERE customer_id IS NOT NULL;
  END IF;
  PERFORM FROM customer WHERE customer_id = ANY(owners) ORDER BY customer_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('unknown', true, 'before', EXISTS (SELECT FROM erased_among(ARRAY[subject_id])));
  END IF;
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
    SELECT coalesce(array_agg(photo_id), CAST('{}' AS uuid[])) INTO gone
      FROM (SELECT photo_id FROM photo WHERE customer_id = subject_id
             UNION
            SELECT photo_id FROM ledger_record WHERE customer_id = subject_id AND photo_id IS NOT NULL) theirs;
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
  IF of_subject = 'customer' THEN
    PERFORM close_account(subject_id, now() + interval '1 day');
  END IF;
  PERFORM FROM photo WHERE photo_id = ANY(gone) ORDER BY photo_id FOR UPDATE;

  INSERT INTO erased_mark (mark, erasure_id)
  SELECT mark_of(id), me FROM unnest(gone || subject_id) id ON CONFLICT DO NOTHING;
  INSERT INTO erasure_shard (erasure_id, shard_id, path)
  SELECT me, shard_id, path FROM shard WHERE shard_id = ANY(shards) AND state = 'live';
  INSERT INTO erasure_record (erasure_id, log_id, "offset", processed_at, expires)
  SELECT me, r.log_id, r."offset", r.processed_at,
         s.expired_at IS NULL AND r.outcome IN ('processed', 'duplicate')
    FROM (SELECT log_id, "offset", processed_at, outcome FROM ledger_record
           WHERE photo_id = ANY(gone) AND outcome IN ('processed', 'duplicate')
           UNION
          SELECT log_id, "offset", processed_at, outcome FROM ledger_record
           WHERE photo_id = ANY(gone) AND outcome = 'rejected'
           UNION
          SELECT log_id, "offset", processed_at, outcome FROM ledger_record
           WHERE of_subject = 'customer' AND customer_id = subject_id AND outcome <> 'absent') r
    LEFT JOIN ledger_state s ON s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at;

  SELECT coalesce(jsonb_agg(jsonb_build_object('topic', topic, 'records', records, 'latest', latest) ORDER BY topic),
                  '[]') INTO answer
    FROM (SELECT l.topic, count(*) AS records, max(r.accepted_at) AS latest
            FROM erasure_record e
            JOIN ledger_record r ON r.log_id = e.log_id AND r."offset" = e."offset" AND r.processed_at = e.processed_at
            JOIN partition_progress l ON l.log_id = e.log_id
           WHERE e.erasure_id = me AND r.accepted_at IS NOT NULL GROUP BY l.topic
           UNION ALL
          SELECT o.kind, count(*), max(o.published_at)
            FROM erasure_record e
            JOIN partition_progress l ON l.log_id = e.log_id
            JOIN outbox o ON o.topic = l.topic AND o."partition" = l."partition" AND o.incarnation = l.incarnation
             AND o."offset" = e."offset"
           WHERE e.erasure_id = me AND o.published_at IS NOT NULL GROUP BY o.kind) had;
  UPDATE erasure SET kafka = answer, photos = cardinality(gone),
         under_way = (SELECT coalesce(jsonb_object_agg(slice_id, attempt), '{}') FROM slice WHERE state = 'running'),
         records = (SELECT count(*) FROM erasure_record WHERE erasure_id = me)
   WHERE erasure_id = me;

  -- What Kafka has not heard of it yet it does not hear. Entries stay: who finds none would write it anew.
  UPDATE outbox o SET published_at = now()
    FROM erasure_record e JOIN partition_progress l ON l.log_id = e.log_id
   WHERE e.erasure_id = me AND o.topic = l.topic AND o."partition" = l."partition" AND o.incarnation = l.incarnation
     AND o."offset" = e."offset" AND o.published_at IS NULL;
  DELETE FROM bi_refused WHERE document_id IN (
    SELECT l.topic || CASE WHEN l.incarnation = 1 THEN '' ELSE '~' || l.incarnation END
           || '-' || l."partition" || '-' || e."offset"
      FROM erasure_record e JOIN partition_progress l ON l.log_id = e.log_id WHERE e.erasure_id = me);
  UPDATE ledger_state s
     SET filename = NULL, version = s.version + 1, updated_xid = pg_current_xact_id(),
         expired_at = CASE WHEN e.expires THEN now() ELSE s.expired_at END
    FROM erasure_record e
   WHERE e.erasure_id = me AND s.log_id = e.log_id AND s."offset" = e."offset" AND s.processed_at = e.processed_at;
  INSERT INTO accepted_change
  SELECT day_of(r.accepted_at), r.customer_id, count(*) FILTER (WHERE e.expires), count(*)
    FROM erasure_record e
    JOIN ledger_record r ON r.log_id = e.log_id AND r."offset" = e."offset" AND r.processed_at = e.processed_at
   WHERE e.erasure_id = me AND r.accepted_at IS NOT NULL GROUP BY 1, 2;
  -- So is what was refused: a refused record could be fed to Kafka again, and its bytes with it.
  UPDATE ledger_record r
     SET photo_id = NULL, event_id = NULL, filename = NULL, detail = NULL,
         reason = CASE WHEN r.outcome = 'rejected' THEN 'erased' ELSE r.reason END
    FROM erasure_record e
   WHERE e.erasure_id = me AND r.log_id = e.log_id AND r."offset" = e."offset" AND r.processed_at = e.processed_at;

  DELETE FROM share_photo WHERE photo_id = ANY(gone);
  DELETE FROM hold WHERE photo_id = ANY(gone);
  DELETE FROM rendition WHERE photo_id = ANY(gone);
  DELETE FROM photo WHERE photo_id = ANY(gone);
  DELETE FROM reconciliation WHERE subject IS NOT NULL AND EXISTS (
    SELECT FROM regexp_matches(subject || ' ' || detail::text, id_pattern, 'g') m WHERE m[1]::uuid = ANY(gone));
  DELETE FROM notice WHERE EXISTS (
    SELECT FROM regexp_matches(subject || ' ' || summary, id_pattern, 'g') m WHERE m[1]::uuid = ANY(gone));
  RETURN jsonb_build_object('erasure_id', me, 'subject', of_subject, 'salt', with_salt, 'digest', with_digest);
END $$;
COMMENT ON FUNCTION erase_photos IS 'Have all rows forget a photo, or a customer, and plan which shards follow';
REVOKE EXECUTE ON FUNCTION erase_photos FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_photos TO photo_pipeline;
"""

GRANTS = """
GRANT SELECT ON erasure, erasure_shard, erasure_record TO photo_pipeline;
GRANT UPDATE (proven_at, proof) ON erasure TO photo_pipeline;
GRANT UPDATE (state) ON erasure_shard TO photo_pipeline;
GRANT DELETE ON erasure_record TO photo_pipeline;
"""


def upgrade() -> None:
    for statements in (SHARDS, TABLES, MEMORY, PLACES, ERASE, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("an older release would take again what was erased")
