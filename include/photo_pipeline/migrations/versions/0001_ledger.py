"""The ledger, the photos it accounts for, and the three roles.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROLES = ("photo_api", "photo_pipeline", "photo_bi")

# Every change of a row stamps it with the transaction that made it, so that the BI sync can read in commit order, and
# with a version that only grows. The transaction id alone would not do as version: an older transaction may get the
# row's lock last.
TOUCH = """
CREATE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE OLD.version + 1 END;
  NEW.updated_xid := pg_current_xact_id();
  RETURN NEW;
END $$
"""

TABLES = """
CREATE TABLE customer (
  customer_id   uuid PRIMARY KEY,
  email         text NOT NULL UNIQUE CHECK (email = lower(email)),
  display_name  text NOT NULL,
  password_hash text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE device (
  device_id   uuid PRIMARY KEY,
  customer_id uuid NOT NULL REFERENCES customer,
  name        text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  revoked_at  timestamptz
);
CREATE INDEX device_of_customer ON device (customer_id);

CREATE TABLE partition_progress (
  topic        text NOT NULL,
  "partition"  integer NOT NULL,
  first_offset bigint NOT NULL,
  next_offset  bigint NOT NULL CHECK (next_offset >= first_offset),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, "partition")
);

CREATE TABLE slice (
  slice_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic            text NOT NULL,
  "partition"      integer NOT NULL,
  "start"          bigint NOT NULL,
  "end"            bigint NOT NULL CHECK ("end" > "start"),
  dt               date NOT NULL,
  state            text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'running', 'committed')),
  attempt          integer NOT NULL DEFAULT 0,
  lease_owner      text,
  lease_expires_at timestamptz,
  planned_at       timestamptz NOT NULL DEFAULT now(),
  committed_at     timestamptz,
  FOREIGN KEY (topic, "partition") REFERENCES partition_progress (topic, "partition"),
  UNIQUE (topic, "partition", "start")
);
CREATE UNIQUE INDEX slice_one_open_per_partition ON slice (topic, "partition") WHERE state <> 'committed';
CREATE INDEX slice_by_commit ON slice (committed_at);

CREATE TABLE shard (
  shard_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path         text NOT NULL UNIQUE,
  kind         text NOT NULL DEFAULT 'archive' CHECK (kind IN ('archive', 'hold', 'reprocess')),
  slice_id     bigint UNIQUE REFERENCES slice,
  dt           date NOT NULL,
  length       bigint NOT NULL,
  photos       integer NOT NULL,
  committed_at timestamptz NOT NULL DEFAULT now(),
  state        text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'expiring', 'removed')),
  expiring_at  timestamptz,
  removed_at   timestamptz
);
CREATE INDEX shard_not_removed ON shard (committed_at) WHERE state <> 'removed';

CREATE TABLE photo (
  photo_id        uuid PRIMARY KEY,
  customer_id     uuid NOT NULL REFERENCES customer,
  sha256          text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  source          text NOT NULL CHECK (source IN ('upload', 'stream')),
  status          text NOT NULL DEFAULT 'processed' CHECK (status IN ('processed', 'expired')),
  filename        text,
  content_type    text NOT NULL,
  format          text NOT NULL,
  width           integer NOT NULL,
  height          integer NOT NULL,
  bytes           bigint NOT NULL,
  camera          text,
  taken_at        timestamp,
  taken_at_offset text,
  blurhash        text,
  dominant_color  text,
  uploaded_at     timestamptz NOT NULL,
  accepted_at     timestamptz NOT NULL,
  processed_at    timestamptz NOT NULL,
  expired_at      timestamptz,
  shard_id        bigint REFERENCES shard,
  version         bigint NOT NULL DEFAULT 1,
  updated_xid     xid8 NOT NULL DEFAULT pg_current_xact_id(),
  CHECK ((status = 'expired') = (shard_id IS NULL))
);
CREATE INDEX photo_newest_first ON photo (customer_id, uploaded_at DESC, photo_id DESC);
CREATE INDEX photo_of_shard ON photo (shard_id);
COMMENT ON COLUMN photo.uploaded_at IS 'First acceptance since the photo came into being or came back after expiry';
COMMENT ON COLUMN photo.accepted_at IS 'Latest acceptance; retention counts from it or later';
COMMENT ON COLUMN photo.taken_at IS 'Local time of the camera; its zone is taken_at_offset, unknown where null';
COMMENT ON COLUMN photo.shard_id IS 'The shard that the index points to; a photo lives exactly as long as this';

CREATE TABLE rendition (
  photo_id     uuid NOT NULL REFERENCES photo,
  kind         text NOT NULL CHECK (kind IN ('original', 'web', 'thumb')),
  shard_id     bigint NOT NULL REFERENCES shard,
  "offset"     bigint NOT NULL,
  length       bigint NOT NULL,
  crc32        bigint NOT NULL,
  content_type text NOT NULL,
  width        integer NOT NULL,
  height       integer NOT NULL,
  PRIMARY KEY (photo_id, kind)
);
CREATE INDEX rendition_of_shard ON rendition (shard_id);

CREATE TABLE ingest_record (
  topic        text NOT NULL,
  "partition"  integer NOT NULL,
  "offset"     bigint NOT NULL,
  slice_id     bigint NOT NULL REFERENCES slice,
  outcome      text NOT NULL CHECK (outcome IN ('processed', 'duplicate', 'rejected', 'absent')),
  reason       text,
  detail       text,
  photo_id     uuid,
  customer_id  uuid,
  source       text,
  event_id     text,
  filename     text,
  bytes        bigint,
  accepted_at  timestamptz,
  processed_at timestamptz NOT NULL,
  version      bigint NOT NULL DEFAULT 1,
  updated_xid  xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (topic, "partition", "offset"),
  CHECK ((outcome IN ('rejected', 'absent')) = (reason IS NOT NULL))
);
CREATE INDEX ingest_record_in_commit_order ON ingest_record (updated_xid, topic, "partition", "offset");
CREATE INDEX ingest_record_of_photo ON ingest_record (photo_id);
CREATE INDEX ingest_record_of_slice ON ingest_record (slice_id);
CREATE INDEX ingest_record_rejected ON ingest_record (processed_at) WHERE outcome = 'rejected';
CREATE INDEX ingest_record_of_customer ON ingest_record (customer_id, processed_at);

CREATE TABLE outbox (
  outbox_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind         text NOT NULL CHECK (kind IN ('processed', 'dead_letter')),
  topic        text NOT NULL,
  "partition"  integer NOT NULL,
  "offset"     bigint NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz,
  UNIQUE (topic, "partition", "offset", kind),
  FOREIGN KEY (topic, "partition", "offset") REFERENCES ingest_record (topic, "partition", "offset")
);
CREATE INDEX outbox_waiting ON outbox (outbox_id) WHERE published_at IS NULL;

CREATE TABLE hold (
  hold_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id uuid NOT NULL REFERENCES customer,
  photo_id    uuid REFERENCES photo,
  reason      text NOT NULL,
  placed_by   text NOT NULL,
  placed_at   timestamptz NOT NULL DEFAULT now(),
  lifted_at   timestamptz
);
CREATE UNIQUE INDEX hold_active ON hold (customer_id, photo_id) NULLS NOT DISTINCT WHERE lifted_at IS NULL;
COMMENT ON COLUMN hold.photo_id IS 'Null holds all of the customer''s photos';

CREATE TABLE bi_sync_state (
  name       text PRIMARY KEY,
  watermark  xid8 NOT NULL,
  synced_at  timestamptz,
  documents  bigint NOT NULL DEFAULT 0
);

CREATE TABLE reconciliation (
  reconciliation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id            text NOT NULL,
  checked_at        timestamptz NOT NULL DEFAULT now(),
  check_name        text NOT NULL,
  status            text NOT NULL CHECK (status IN ('ok', 'finding', 'repaired')),
  subject           text,
  detail            jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX reconciliation_newest ON reconciliation (checked_at DESC);

CREATE TRIGGER photo_touch BEFORE INSERT OR UPDATE ON photo FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE TRIGGER ingest_record_touch BEFORE INSERT OR UPDATE ON ingest_record FOR EACH ROW EXECUTE FUNCTION touch_row();
"""

# One row per outcome, with all that a document in Elasticsearch holds. No e-mail address, no file name.
VIEWS = """
CREATE VIEW bi_outcome AS
SELECT r.topic, r."partition", r."offset", r.updated_xid, r.version,
       r.outcome, r.reason AS reject_reason, r.photo_id, r.customer_id, c.display_name AS customer_name,
       r.source, coalesce(p.bytes, r.bytes) AS bytes, p.format, p.width, p.height,
       round(p.width::numeric * p.height / 1000000, 2) AS megapixels,
       p.camera, p.taken_at, p.taken_at_offset,
       r.accepted_at AS uploaded_at, r.processed_at, p.expired_at,
       round(extract(epoch FROM r.processed_at - r.accepted_at) * 1000)::bigint AS latency_ms
  FROM ingest_record r
  LEFT JOIN customer c ON c.customer_id = r.customer_id
  LEFT JOIN photo p ON p.photo_id = r.photo_id AND r.outcome IN ('processed', 'duplicate')
 WHERE r.outcome <> 'absent';

CREATE VIEW bi_customer_format AS
SELECT customer_id, customer_name, format, outcome, source, count(*) AS records, sum(bytes) AS bytes
  FROM bi_outcome GROUP BY customer_id, customer_name, format, outcome, source;
"""

# The upload API takes photos through Kafka alone; of the database it sees what the gallery shows, and writes customers
# and holds. Analysts read views only.
GRANTS = """
GRANT USAGE ON SCHEMA public TO photo_api, photo_pipeline, photo_bi;
GRANT SELECT, INSERT, UPDATE ON customer, device TO photo_api;
GRANT SELECT ON photo, rendition, shard, ingest_record, partition_progress TO photo_api;
GRANT SELECT, INSERT, UPDATE ON hold TO photo_api;
GRANT SELECT ON customer TO photo_pipeline;
GRANT SELECT, INSERT, UPDATE ON partition_progress, slice, shard, photo, ingest_record, outbox, hold, bi_sync_state
  TO photo_pipeline;
GRANT SELECT, INSERT, UPDATE, DELETE ON rendition TO photo_pipeline;
GRANT SELECT, INSERT, DELETE ON reconciliation TO photo_pipeline;
GRANT DELETE ON outbox TO photo_pipeline;
GRANT SELECT ON bi_outcome, bi_customer_format TO photo_bi, photo_pipeline;
"""


def upgrade() -> None:
    for role in ROLES:
        # Creating log-ins is the operator's affair (a secret store knows their passwords); without it a role that
        # cannot log in keeps the grants until then.
        op.execute(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
            f"CREATE ROLE {role} NOLOGIN; END IF; END $$"
        )
    op.execute(TOUCH)
    op.execute(TABLES)
    op.execute(VIEWS)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP VIEW bi_customer_format, bi_outcome")
    op.execute(
        "DROP TABLE reconciliation, bi_sync_state, hold, outbox, ingest_record, rendition, photo, shard, slice, "
        "partition_progress, device, customer"
    )
    op.execute("DROP FUNCTION touch_row()")
