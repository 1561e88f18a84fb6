"""Indices that leave the past out, and what the retention has to look at of hold shards.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# A list of live photos goes by live photos. Those of a shard are looked for by when they were uploaded, too; an expired
# photo is of no shard. A customer's refused records are few among all that they sent.
PHOTOS = """
DROP INDEX photo_newest_first;
CREATE INDEX photo_newest_first ON photo (customer_id, uploaded_at DESC, photo_id DESC) WHERE status = 'processed';
DROP INDEX photo_of_shard;
CREATE INDEX photo_of_shard ON photo (shard_id, uploaded_at) WHERE shard_id IS NOT NULL;
"""

# The expression is the blanking's alone, so that no index of all refused records is taken for this one.
RECORDS = """
CREATE INDEX ingest_record_rejected_of_customer
  ON ingest_record (customer_id, processed_at DESC, topic DESC, "partition" DESC, "offset" DESC)
  WHERE outcome = 'rejected';
DROP INDEX ingest_record_unblanked;
CREATE INDEX ingest_record_unblanked ON ingest_record (greatest(processed_at, accepted_at))
  WHERE outcome = 'rejected' AND (filename IS NOT NULL OR detail IS NOT NULL);
"""

SHARDS = """
CREATE INDEX shard_going ON shard (kept_until, committed_at) WHERE state <> 'removed' AND kind <> 'hold';
CREATE INDEX shard_kept_until ON shard (kept_until) WHERE state <> 'removed' AND kept_until IS NOT NULL;
CREATE INDEX shard_unmarked ON shard (committed_at) WHERE state <> 'removed' AND marked_at IS NULL;
CREATE INDEX shard_marked ON shard (marked_at) WHERE state <> 'removed' AND marked_at IS NOT NULL;
CREATE INDEX shard_removed ON shard (removed_at) WHERE state = 'removed';
"""

# Rows are only ever added and taken away, and name no other row by a key: whoever adds one waits for nobody.
REVIEW = """
CREATE TABLE hold_review (
  review_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hold_id   bigint,
  shard_id  bigint,
  CHECK (num_nonnulls(hold_id, shard_id) = 1)
);
COMMENT ON TABLE hold_review IS
  'Holds that were lifted, and hold shards that photos have left or that are new: the next retention run looks at them';

CREATE FUNCTION review_lifted_hold() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO hold_review (hold_id) VALUES (NEW.hold_id);
  RETURN NULL;
END $$;
CREATE TRIGGER hold_lifted AFTER UPDATE OF lifted_at ON hold FOR EACH ROW
  WHEN (OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL) EXECUTE FUNCTION review_lifted_hold();

CREATE FUNCTION review_new_hold_shard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO hold_review (shard_id) VALUES (NEW.shard_id);
  RETURN NULL;
END $$;
CREATE TRIGGER hold_shard_made AFTER INSERT ON shard FOR EACH ROW
  WHEN (NEW.kind = 'hold') EXECUTE FUNCTION review_new_hold_shard();

CREATE FUNCTION review_left_shard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO hold_review (shard_id) SELECT shard_id FROM shard WHERE shard_id = OLD.shard_id AND kind = 'hold';
  RETURN NULL;
END $$;
CREATE TRIGGER photo_left_shard AFTER UPDATE OF shard_id ON photo FOR EACH ROW
  WHEN (OLD.shard_id <> NEW.shard_id) EXECUTE FUNCTION review_left_shard();

INSERT INTO hold_review (shard_id) SELECT shard_id FROM shard WHERE kind = 'hold' AND state <> 'removed';
GRANT SELECT, INSERT, DELETE ON hold_review TO photo_pipeline;
"""


def upgrade() -> None:
    for statements in (PHOTOS, RECORDS, SHARDS, REVIEW):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP TRIGGER photo_left_shard ON photo")
    op.execute("DROP TRIGGER hold_shard_made ON shard")
    op.execute("DROP TRIGGER hold_lifted ON hold")
    op.execute("DROP FUNCTION review_left_shard(), review_new_hold_shard(), review_lifted_hold()")
    op.execute("DROP TABLE hold_review")
    op.execute("DROP INDEX shard_removed, shard_marked, shard_unmarked, shard_kept_until, shard_going")
    op.execute("DROP INDEX ingest_record_unblanked, ingest_record_rejected_of_customer")
    op.execute(
        "CREATE INDEX ingest_record_unblanked ON ingest_record (processed_at) "
        "WHERE outcome = 'rejected' AND (filename IS NOT NULL OR detail IS NOT NULL)"
    )
    op.execute("DROP INDEX photo_of_shard, photo_newest_first")
    op.execute("CREATE INDEX photo_newest_first ON photo (customer_id, uploaded_at DESC, photo_id DESC)")
    op.execute("CREATE INDEX photo_of_shard ON photo (shard_id)")
