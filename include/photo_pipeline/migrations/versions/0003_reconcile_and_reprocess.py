"""What the reconciliation needs to look things up cheaply, and what a request to reprocess has done so far.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A day's outcomes are compared with the search index page by page, in this order.
INDICES = """
CREATE INDEX ingest_record_in_acceptance_order ON ingest_record (accepted_at, topic, "partition", "offset");
CREATE INDEX ingest_record_lost ON ingest_record (processed_at) WHERE reason = 'deleted_by_kafka';
CREATE INDEX reconciliation_of_run ON reconciliation (run_id);
CREATE INDEX reconciliation_of_check ON reconciliation (check_name, checked_at DESC) WHERE subject IS NULL;
"""

# An attempt is in the table before its file exists, so that a file can be told by its name, and a newer attempt can
# fence an older one off. A record is in refed_record before it is sent, with how far its topic reached at that time:
# that is where to look for it if whoever sent it died.
TABLES = """
CREATE TABLE reprocess_request (
  request_id   text PRIMARY KEY,
  mode         text NOT NULL CHECK (mode IN ('renditions', 'dead_letters')),
  parameters   jsonb NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reprocess_attempt (
  attempt_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  request_id      text NOT NULL REFERENCES reprocess_request,
  source_shard_id bigint NOT NULL REFERENCES shard,
  state           text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'committed', 'abandoned')),
  shard_id        bigint UNIQUE REFERENCES shard,
  started_at      timestamptz NOT NULL DEFAULT now(),
  ended_at        timestamptz,
  CHECK ((state = 'committed') = (shard_id IS NOT NULL))
);
CREATE UNIQUE INDEX reprocess_one_attempt ON reprocess_attempt (request_id, source_shard_id) WHERE state = 'writing';
COMMENT ON COLUMN reprocess_attempt.shard_id IS 'The shard that it made';

CREATE TABLE refed_record (
  topic          text NOT NULL,
  "partition"    integer NOT NULL,
  "offset"       bigint NOT NULL,
  request_id     text NOT NULL REFERENCES reprocess_request,
  sought_from    jsonb NOT NULL,
  sent_at        timestamptz NOT NULL DEFAULT now(),
  fed_at         timestamptz,
  fed_partition  integer,
  fed_offset     bigint,
  PRIMARY KEY (topic, "partition", "offset"),
  FOREIGN KEY (topic, "partition", "offset") REFERENCES ingest_record (topic, "partition", "offset"),
  CHECK ((fed_at IS NULL) = (fed_offset IS NULL) AND (fed_offset IS NULL) = (fed_partition IS NULL))
);
CREATE INDEX refed_record_of_request ON refed_record (request_id);
COMMENT ON COLUMN refed_record.sought_from IS 'Per partition of the topic: its end before the record was sent again';
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON reprocess_request, reprocess_attempt, refed_record TO photo_pipeline;
"""


def upgrade() -> None:
    op.execute(INDICES)
    op.execute(TABLES)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP TABLE refed_record, reprocess_attempt, reprocess_request")
    op.execute(
        "DROP INDEX reconciliation_of_check, reconciliation_of_run, ingest_record_lost, "
        "ingest_record_in_acceptance_order"
    )
