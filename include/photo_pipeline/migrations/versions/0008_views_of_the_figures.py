"""Views that answer the analysts' questions with a plain SELECT, where there is neither Kibana nor the report.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Days are those of UTC. What has no value is 'none', as in the figures; its collation orders names alike everywhere.
VIEWS = """
CREATE VIEW bi_day AS
SELECT (processed_at AT TIME ZONE 'UTC')::date AS day, outcome, coalesce(source, 'none') COLLATE "C" AS source,
       coalesce(format, 'none') COLLATE "C" AS format, coalesce(reject_reason, 'none') COLLATE "C" AS reject_reason,
       customer_id, customer_name, count(*) AS records, coalesce(sum(bytes), 0) AS bytes
  FROM bi_outcome
 GROUP BY 1, 2, 3, 4, 5, 6, 7;

CREATE VIEW bi_camera AS
SELECT coalesce(camera, 'none') COLLATE "C" AS camera, count(*) AS photos, coalesce(sum(bytes), 0) AS bytes
  FROM bi_outcome WHERE outcome = 'processed'
 GROUP BY 1;

CREATE VIEW bi_megapixels AS
SELECT place, names[place + 1] AS size, photos
  FROM (SELECT width_bucket(megapixels, ARRAY[1, 4, 8, 12, 24, 50]::numeric[]) AS place, count(*) AS photos
          FROM bi_outcome WHERE outcome = 'processed' AND megapixels IS NOT NULL GROUP BY 1) AS found,
       (VALUES (ARRAY['under 1 MP', '1-4 MP', '4-8 MP', '8-12 MP', '12-24 MP', '24-50 MP', '50 MP and more']))
         AS known (names);

CREATE VIEW bi_file_size AS
SELECT place, names[place + 1] AS size, photos
  FROM (SELECT width_bucket(bytes, ARRAY[1048576, 2097152, 4194304, 8388608, 16777216]::bigint[]) AS place,
               count(*) AS photos
          FROM bi_outcome WHERE outcome = 'processed' AND bytes IS NOT NULL GROUP BY 1) AS found,
       (VALUES (ARRAY['under 1 MiB', '1-2 MiB', '2-4 MiB', '4-8 MiB', '8-16 MiB', '16 MiB and more']))
         AS known (names);

CREATE VIEW bi_day_health AS
SELECT (processed_at AT TIME ZONE 'UTC')::date AS day, count(*) AS records, coalesce(sum(bytes), 0) AS bytes,
       count(*) FILTER (WHERE outcome = 'rejected')::float8 / count(*) AS reject_rate,
       count(*) FILTER (WHERE outcome = 'duplicate')::float8 / count(*) AS duplicate_rate,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS p95_ms,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99_ms
  FROM bi_outcome
 GROUP BY 1;

CREATE VIEW bi_latency AS
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS p95_ms,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99_ms
  FROM bi_outcome;

CREATE VIEW bi_source_health AS
SELECT coalesce(source, 'none') COLLATE "C" AS source, count(*) AS records,
       count(*) FILTER (WHERE outcome = 'duplicate') AS duplicates,
       count(*) FILTER (WHERE outcome = 'rejected') AS rejected,
       count(*) FILTER (WHERE outcome = 'rejected')::float8 / count(*) AS reject_rate
  FROM bi_outcome
 GROUP BY 1;
"""
NAMES = "bi_day, bi_camera, bi_megapixels, bi_file_size, bi_day_health, bi_latency, bi_source_health"


def upgrade() -> None:
    op.execute(VIEWS)
    op.execute(f"GRANT SELECT ON {NAMES} TO photo_bi")


def downgrade() -> None:
    op.execute(f"DROP VIEW {NAMES}")
