"""Of a customer's photos, those that no record brings any more are found by indices: few outlast their records.

Revision ID: 0039
Revises: 0038
"""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

# An expired photo of which a record is left is found by that. A photo that was held, or that the platform was late
# for, outlasts its records by as long; no other photo is in this index, so an expiry does not write it.
INDEX = """
CREATE INDEX photo_outlasting ON photo (customer_id)
 WHERE status = 'expired' AND expired_at - accepted_at > interval '10 days';
"""

# From here on the row of any other photo goes with the month of its last record. Of months that have gone already, the
# release before has left some: those of photos that expired in the month after.
LEFT = r"""
WITH oldest AS (
  SELECT to_date(right(min(relname), 7), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC' AS month
    FROM pg_inherits JOIN pg_class ON oid = inhrelid
   WHERE inhparent = 'ledger_record'::regclass AND relname ~ '_\d{4}_\d{2}$'
), chosen AS MATERIALIZED (
  SELECT photo_id FROM photo p CROSS JOIN oldest
   WHERE p.status = 'expired' AND p.expired_at >= month AND p.expired_at < month + interval '11 days'
     AND p.accepted_at < month + interval '1 hour' AND EXISTS (SELECT FROM removal WHERE what = 'ledger months')
     AND NOT EXISTS (SELECT FROM hold h WHERE h.photo_id = p.photo_id AND h.lifted_at IS NULL)
), holds AS (
  DELETE FROM hold WHERE photo_id IN (SELECT photo_id FROM chosen)
), gone AS (
  DELETE FROM photo WHERE photo_id IN (SELECT photo_id FROM chosen) RETURNING photo_id
)
INSERT INTO removal (run_id, what, subject, amount, bytes, why, noted_at, removed_at)
SELECT (SELECT max(run_id) FROM retention_run), 'expired photos', 'migration 0039', count(*), 0,
       'their records have gone before', now(), now()
  FROM gone HAVING count(*) > 0;
"""

# Where the bytes of photos lie, and of what these slices have brought. Each shard is looked up, and so is the hold
# shard that was made of it, as its file's name tells.
SHARDS = r"""
CREATE INDEX shard_of_held ON shard ((substring(path FROM 'hold-(\d+)-\d+\.tar$')::bigint))
 WHERE kind = 'hold' AND state <> 'removed';
CREATE FUNCTION shards_with(ids uuid[], slices bigint[]) RETURNS bigint[] LANGUAGE sql STABLE
  SET search_path = pg_catalog, public, pg_temp AS $$
  WITH RECURSIVE found (shard_id) AS (
    SELECT shard_id FROM (
      SELECT shard_id FROM photo WHERE photo_id = ANY(ids) AND shard_id IS NOT NULL
       UNION
      SELECT shard_id FROM rendition WHERE photo_id = ANY(ids)
       UNION
      SELECT shard_id FROM shard WHERE slice_id = ANY(slices)) own
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
    FROM found f
   CROSS JOIN LATERAL (SELECT shard_id FROM shard WHERE shard_id = f.shard_id AND state <> 'removed' OFFSET 0) s
$$;
REVOKE EXECUTE ON FUNCTION shards_with(uuid[], bigint[]) FROM PUBLIC;
"""

# As before, but a step of a customer's erasure reads its own records alone. Each record of theirs has its turn, so
# nobody asks every month for the others of a photo: those have their turn without its row.
ERASING = r"""
CREATE OR REPLACE FUNCTION erase_some(me bigint, of_subject text, subject_id uuid, most integer) RETURNS jsonb
  LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '60s' AS $$
DECLARE
  here erasure;
  owners uuid[];
  theirs ledger_record[];
  batch erasure_record[];
  gone uuid[];
  rest uuid[] := '{}';
  slices bigint[];
  shards bigint[];
  brought bigint;
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

  IF of_subject = 'customer' THEN
    SELECT coalesce(array_agg(r), '{}') INTO theirs
      FROM (SELECT * FROM ledger_record
             WHERE customer_id = subject_id AND outcome <> 'absent' AND processed_at >= here.came_to_at
               AND (processed_at, log_id, "offset") > (here.came_to_at, here.came_to_log, here.came_to_offset)
             ORDER BY processed_at, log_id, "offset" LIMIT most) r;
    SELECT coalesce(array_agg(DISTINCT photo_id) FILTER (WHERE photo_id IS NOT NULL), '{}') INTO gone
      FROM unnest(theirs);
    IF cardinality(theirs) < most THEN
      SELECT coalesce(array_agg(photo_id), '{}') INTO rest
        FROM (SELECT photo_id
                FROM (SELECT photo_id FROM photo WHERE customer_id = subject_id AND status = 'processed'
                       UNION ALL
                      SELECT photo_id FROM photo
                       WHERE customer_id = subject_id AND status = 'expired'
                         AND expired_at - accepted_at > interval '10 days') p
               WHERE photo_id <> ALL(gone) LIMIT most) r;
    END IF;
    is_last := cardinality(theirs) < most AND cardinality(rest) < most;
    gone := gone || rest;
    SELECT count(*) INTO brought FROM unnest(gone) id
     WHERE NOT EXISTS (SELECT FROM erased_mark WHERE mark = mark_of(id) AND erasure_id = me);
  ELSE
    SELECT coalesce(array_agg(r), '{}') INTO theirs
      FROM (SELECT * FROM ledger_record WHERE photo_id = subject_id AND outcome IN ('processed', 'duplicate')
             UNION ALL
            SELECT * FROM ledger_record WHERE photo_id = subject_id AND outcome = 'rejected') r;
    gone := ARRAY[subject_id];
    brought := 1;
  END IF;
  SELECT coalesce(array_agg(DISTINCT slice_id) FILTER (WHERE outcome IN ('processed', 'duplicate')), '{}') INTO slices
    FROM unnest(theirs);
  -- Whoever was copying when this asked for the shards may have made another one by the time they are locked.
  LOOP
    shards := shards_with(gone, slices);
    PERFORM FROM reprocess_attempt WHERE state = 'writing' AND source_shard_id = ANY(shards)
      ORDER BY attempt_id FOR UPDATE;
    PERFORM FROM shard WHERE shard_id = ANY(shards) ORDER BY shard_id FOR UPDATE;
    EXIT WHEN shards_with(gone, slices) <@ shards;
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
    SELECT me, r.log_id, r."offset", r.processed_at,
           r.outcome IN ('processed', 'duplicate') AND (SELECT expired_at FROM ledger_state s
             WHERE s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at) IS NULL
      FROM unnest(theirs) r
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
    FROM (SELECT processed_at, log_id, "offset" FROM unnest(theirs)
           UNION ALL
          SELECT here.came_to_at, here.came_to_log, here.came_to_offset) r
   ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT 1;
  UPDATE erasure
     SET kafka = answer, photos = photos + brought, records = records + cardinality(batch),
         erased_at = clock_timestamp(), forgotten = is_last, came_to_at = nullif(here.came_to_at, '-infinity'),
         came_to_log = here.came_to_log, came_to_offset = here.came_to_offset
   WHERE erasure_id = me;
  RETURN jsonb_build_object('left', NOT is_last);
END $$;
DROP FUNCTION shards_with(uuid[]);
"""


def upgrade() -> None:
    for statements in (INDEX, LEFT, SHARDS, ERASING):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("an older release would leave photos that no erasure finds")
