"""What an earlier erasure has left half-way is done by the next one of the same records, before that is proven.

Revision ID: 0034
Revises: 0033
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

# Rows that have forgotten a photo do not say any more in which shards it lies: that is known to the erasure that had
# them forget it alone. Its records tell that it is about the same; its subject does where it had none. Planned ones are
# looked into again, which costs nothing but time if that one comes to its end after all.
TAKE_OVER = """
CREATE OR REPLACE FUNCTION note_readers(me bigint, subject_id uuid) RETURNS void LANGUAGE sql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '60s' AS $$
  UPDATE reprocess_request SET parameters = jsonb_set(parameters, '{customer_id}', '"erased"')
   WHERE parameters ->> 'customer_id' = subject_id::text;
  WITH unproven AS MATERIALIZED (
    SELECT e.erasure_id FROM erasure e
     WHERE e.proof IS NULL AND e.erasure_id <> me
       AND EXISTS (SELECT FROM erasure_shard s
                    WHERE s.erasure_id = e.erasure_id AND s.state IN ('planned', 'switched'))
       AND (e.digest = encode(sha256(convert_to(e.salt || subject_id, 'UTF8')), 'hex')
            OR EXISTS (SELECT FROM erasure_record theirs
                         JOIN erasure_record mine USING (log_id, "offset", processed_at)
                        WHERE theirs.erasure_id = e.erasure_id AND mine.erasure_id = me)))
  INSERT INTO erasure_shard (erasure_id, shard_id, path, state)
  SELECT me, s.shard_id, s.path, s.state
    FROM erasure_shard s JOIN unproven USING (erasure_id)
   WHERE s.state IN ('planned', 'switched')
   ORDER BY s.shard_id, s.erasure_id
  ON CONFLICT DO NOTHING;
  UPDATE erasure
     SET under_way = (SELECT coalesce(jsonb_object_agg(slice_id, attempt), '{}') FROM slice WHERE state = 'running')
   WHERE erasure_id = me AND forgotten AND under_way IS NULL;
$$;
"""

# Who asks for a photo again is told whom to wait for.
UNPROVEN = """
CREATE FUNCTION unproven_erasure_of(id uuid) RETURNS text LANGUAGE sql STABLE
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT e.name FROM erased_mark m JOIN erasure e USING (erasure_id) WHERE m.mark = mark_of(id) AND e.proof IS NULL
$$;
COMMENT ON FUNCTION unproven_erasure_of IS 'The run that has begun to erase this photo or customer, and is not done';
REVOKE EXECUTE ON FUNCTION unproven_erasure_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unproven_erasure_of TO photo_pipeline;
"""

# What a customer only wants to keep longer stands in nobody's way, and is no hold that an operator could lift.
HOLDS = """
CREATE OR REPLACE VIEW page_hold AS
SELECT hold_id, customer_id, photo_id, reason, placed_by, placed_at, origin FROM hold WHERE lifted_at IS NULL;
"""


def upgrade() -> None:
    for statements in (TAKE_OVER, UNPROVEN, HOLDS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("an older release would prove what is not erased")
