-- A ledger with a past of :records records, written as set operations. Everything follows from the numbers of slices and
-- records, so two loads are alike. Names that begin with a colon are put in by load.py.

INSERT INTO customer (customer_id, email, display_name, password_hash, created_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, n || '@example.org', 'Customer ' || n, '-', now() - :months
  FROM generate_series(1, :customers) n;

INSERT INTO device (device_id, customer_id, name, revoked_at)
SELECT md5('device' || n)::uuid, lpad(to_hex(n), 32, '0')::uuid, 'camera', CASE WHEN n % 3 = 0 THEN now() END
  FROM generate_series(1, :customers) n;

INSERT INTO partition_progress (topic, "partition", first_offset, next_offset, topic_id, kafka_end, seen_at)
SELECT CASE n WHEN 3 THEN 'photos.streamed' ELSE 'photos.uploaded' END, n % 3, 0,
       :slice * ((:slices - n + 3) / 4), 'id', :slice * ((:slices - n + 3) / 4), now()
  FROM generate_series(0, 3) n;

SELECT add_ledger_month(ledger, month::date)
  FROM generate_series(date_trunc('month', now() - :months), now(), interval '1 month') month,
       unnest(ARRAY['ledger_record', 'ledger_state']) ledger;

-- The past, slice by slice; the newest was committed two minutes ago.
CREATE UNLOGGED TABLE past AS
SELECT n AS slice_id, n - 1 AS i,
       CASE (n - 1) % 4 WHEN 3 THEN 'photos.streamed' ELSE 'photos.uploaded' END AS topic,
       (n - 1) % 4 % 3 AS "partition", (n - 1) / 4 * :slice AS "start",
       at, at < now() - :removed_after AS is_removed, at < now() - :due_after AS is_marked, :first_xid + 2 * n AS xid
  FROM generate_series(1, :slices) n
 CROSS JOIN LATERAL (SELECT now() - interval '2 minutes' - (:slices - n) * :between
                            - greatest(0, :few - n) * :between_few AS at) times;
ALTER TABLE past ADD PRIMARY KEY (slice_id);

INSERT INTO slice (slice_id, topic, "partition", "start", "end", dt, state, attempt, planned_at, committed_at)
OVERRIDING SYSTEM VALUE
SELECT slice_id, topic, "partition", "start", "start" + :slice, at::date, 'committed', 1, at - interval '20 s', at
  FROM past;

INSERT INTO shard (shard_id, path, slice_id, dt, length, photos, committed_at, state, expiring_at, removed_at, marked_at,
                   kept_until)
OVERRIDING SYSTEM VALUE
SELECT slice_id, '/photos/archive/dt=' || at::date || '/' || topic || '-' || "partition" || '-' || "start" || '.tar',
       slice_id, at::date, 300000000, 110, at, CASE WHEN is_removed THEN 'removed' ELSE 'live' END,
       CASE WHEN is_removed THEN at + :lifetime END, CASE WHEN is_removed THEN at + :lifetime END,
       CASE WHEN is_marked THEN at + :lifetime - interval '2 h' END, CASE WHEN is_marked THEN at + :lifetime END
  FROM past;

-- Every block of twenty records is one customer's: eleven photos, six of them sent again, two refused, an empty offset.
-- Rows come to lie in the order of the blocks: what belongs together is counted up once for each (0 * b).
CREATE UNLOGGED TABLE block AS
SELECT past.*, b,
       CASE WHEN h < 27 THEN 1 WHEN h < 72 THEN 2 WHEN h < 82 THEN 3
            ELSE 4 + (h2 % (:customers - 3))::int END AS customer
  FROM past
 CROSS JOIN generate_series(0, :slice / 20 - 1) b
 CROSS JOIN LATERAL (SELECT abs(hashint4((i * (:slice / 20) + b)::int)::bigint) % 1000 AS h,
                            abs(hashint4((i * (:slice / 20) + b)::int + 7)::bigint) AS h2) hashed
 ORDER BY slice_id, b;

CREATE UNLOGGED TABLE hold_of_slice AS
SELECT DISTINCT slice_id, :slices + slice_id AS shard_id FROM block WHERE is_removed AND customer IN (1, 3);

INSERT INTO newcomer (customer_id, processed_at, log_id, "offset")
SELECT DISTINCT ON (customer) lpad(to_hex(customer), 32, '0')::uuid, at, log_id, "start" + b * 20
  FROM block JOIN partition_progress USING (topic, "partition") ORDER BY customer, at, b;

-- What was held when its shard went lies in a hold shard.
INSERT INTO shard (shard_id, path, kind, dt, length, photos, committed_at, state, marked_at, kept_until)
OVERRIDING SYSTEM VALUE
SELECT h.shard_id, '/photos/held/dt=' || at::date || '/hold-' || slice_id || '.tar', 'hold', at::date, 30000000,
       (SELECT 11 * count(*) FROM block b WHERE b.slice_id = h.slice_id AND customer IN (1, 3)), at, 'live',
       at + :lifetime - interval '2 h', at + :lifetime
  FROM hold_of_slice h JOIN past USING (slice_id);

SELECT setval(pg_get_serial_sequence('slice', 'slice_id'), :slices),
       setval(pg_get_serial_sequence('shard', 'shard_id'), 2 * :slices + 1);

INSERT INTO photo (photo_id, customer_id, sha256, source, status, filename, content_type, format, width, height, bytes,
                   camera, taken_at, blurhash, dominant_color, uploaded_at, accepted_at, processed_at, expired_at,
                   shard_id, version, updated_xid, device_id)
SELECT md5('photo' || (i * 10 + b) || '.' || k)::uuid, lpad(to_hex(customer), 32, '0')::uuid,
       md5('a' || (i * 10 + b) || k) || md5('b' || (i * 10 + b) || k),
       CASE topic WHEN 'photos.streamed' THEN 'stream' ELSE 'upload' END, CASE WHEN gone THEN 'expired' ELSE 'processed' END,
       CASE WHEN NOT gone THEN 'IMG_' || k || '.jpg' END, 'image/jpeg', (ARRAY['jpeg', 'png', 'webp'])[1 + k % 3],
       4000, 3000, 3000000 + k, CASE WHEN NOT gone THEN 'Acme ' || customer % 7 END,
       CASE WHEN NOT gone AND k % 2 = 0 THEN (at - interval '3 h')::timestamp END,
       CASE WHEN NOT gone THEN 'LEHV6nWB2yk8pyo0adR*.7kCMdnj' END, CASE WHEN NOT gone THEN '#102030' END,
       at - interval '40 s' + k * interval '1 s', at - interval '40 s' + k * interval '1 s', at,
       CASE WHEN gone THEN at + :lifetime END,
       CASE WHEN gone THEN NULL WHEN is_removed THEN :slices + slice_id ELSE slice_id END,
       CASE WHEN gone THEN 2 ELSE 1 END, xid::text::xid8,
       CASE topic WHEN 'photos.streamed' THEN md5('device' || customer)::uuid END
  FROM block CROSS JOIN LATERAL (SELECT is_removed AND customer NOT IN (1, 3) AS gone) g
 CROSS JOIN LATERAL generate_series(0, 10 + 0 * b) k;

INSERT INTO rendition (photo_id, kind, shard_id, "offset", length, crc32, content_type, width, height)
SELECT md5('photo' || (i * 10 + b) || '.' || k)::uuid, kind,
       CASE WHEN is_removed THEN :slices + slice_id ELSE slice_id END, ((b * 11 + k) * 3 + place) * 1000000, 900000,
       7, 'image/jpeg', 1600, 1200
  FROM block CROSS JOIN LATERAL generate_series(0, 10 + 0 * b) k
 CROSS JOIN unnest(ARRAY['original', 'web', 'thumb']) WITH ORDINALITY kinds (kind, place)
 WHERE NOT is_removed OR customer IN (1, 3);

CREATE UNLOGGED TABLE record AS
SELECT log_id, "start" + b * 20 + k AS "offset", slice_id, at, outcome, blank, topic, i, b, k, xid,
       CASE WHEN customer = 1 AND outcome = 'rejected' THEN 2 ELSE customer END AS customer
  FROM block CROSS JOIN LATERAL generate_series(0, 19 + 0 * b) k
 CROSS JOIN LATERAL (SELECT CASE WHEN k < 11 THEN 'processed' WHEN k < 17 THEN 'duplicate' WHEN k < 19 THEN 'rejected'
                                 ELSE 'absent' END AS outcome,
                            is_removed AND (customer NOT IN (1, 3) OR k >= 17) AS blank) o
  JOIN partition_progress USING (topic, "partition")
 ORDER BY slice_id, b, k;

INSERT INTO ledger_record (log_id, "offset", processed_at, slice_id, accepted_at, photo_id, customer_id, bytes, outcome,
                           source, reason, event_id, filename, detail, device_id)
SELECT log_id, "offset", at, slice_id, CASE WHEN outcome <> 'absent' THEN at - interval '40 s' + k * interval '1 s' END,
       CASE outcome WHEN 'absent' THEN NULL WHEN 'rejected' THEN md5('refused' || (i * 10 + b) || '.' || k)::uuid
            ELSE md5('photo' || (i * 10 + b) || '.' || CASE WHEN k < 11 THEN k ELSE k - 11 END)::uuid END,
       CASE WHEN outcome <> 'absent' THEN lpad(to_hex(customer), 32, '0')::uuid END, 3000000 + k, outcome,
       CASE WHEN outcome <> 'absent' THEN CASE topic WHEN 'photos.streamed' THEN 'stream' ELSE 'upload' END END,
       CASE outcome WHEN 'rejected' THEN (ARRAY['truncated', 'corrupt'])[1 + b % 2] WHEN 'absent' THEN 'no_record' END,
       CASE WHEN outcome <> 'absent' THEN md5('event' || slice_id || '.' || b || '.' || k) END,
       CASE WHEN outcome = 'rejected' AND NOT blank THEN 'IMG_' || k || '.jpg' END,
       CASE WHEN outcome = 'rejected' AND NOT blank THEN 'ends after 17 of 4000 rows' END,
       CASE WHEN outcome <> 'absent' AND topic = 'photos.streamed' THEN md5('device' || customer)::uuid END
  FROM record ORDER BY slice_id, b, k;

INSERT INTO ledger_state (log_id, "offset", processed_at, version, updated_xid, expired_at, filename)
SELECT log_id, "offset", at, CASE WHEN blank THEN 2 ELSE 1 END, xid::text::xid8,
       CASE WHEN blank AND k < 17 THEN at + :lifetime END, CASE WHEN NOT blank AND k < 17 THEN 'IMG_' || k || '.jpg' END
  FROM record ORDER BY slice_id, b, k;

-- Said on Kafka, and forgotten after a week; of the newest slice not yet said.
INSERT INTO outbox (kind, topic, "partition", "offset", processed_at, created_at, published_at)
SELECT CASE WHEN k < 11 THEN 'processed' ELSE 'dead_letter' END, topic, "partition", "start" + b * 20 + k, at, at,
       CASE WHEN slice_id < :slices THEN at + interval '5 s' END
  FROM block CROSS JOIN LATERAL generate_series(0, 18 + 0 * b) k WHERE NOT is_removed AND (k < 11 OR k > 16)
 ORDER BY slice_id, b, k;

INSERT INTO hold (customer_id, reason, placed_by, placed_at)
VALUES (lpad('1', 32, '0')::uuid, 'a dispute', 'Grace', now() - :months);
INSERT INTO hold (customer_id, photo_id, reason, placed_by, placed_at, lifted_at, origin)
SELECT lpad(to_hex(customer), 32, '0')::uuid, md5('photo' || (i * 10 + b) || '.' || k)::uuid, 'mine', 'the customer', at,
       CASE WHEN customer <> 3 THEN at + interval '1 day' END, 'customer'
  FROM block CROSS JOIN LATERAL generate_series(0, 10 + 0 * b) k
 WHERE customer = 3 OR (is_removed AND customer > 3 AND k = 0 AND b = 0);

INSERT INTO reconciliation (run_id, checked_at, check_name, status, subject, detail)
SELECT 'run ' || n, now() - n * interval '1 h', name, 'ok', NULL,
       jsonb_build_object('turn', 500 - n, 'found', 0, 'repaired', 0, 'figures', jsonb_build_object('shard_id', 1))
  FROM generate_series(500, 1, -1) n
 CROSS JOIN unnest(ARRAY['run', 'contiguity', 'losses', 'outbox', 'photos', 'shards', 'members', 'search']) name;

INSERT INTO retention_run (name, begun_at, clocks, looked_at, state, removed_until, summary, ended_at)
SELECT 'run ' || n, now() - n * interval '1 h', '{}', now() - n * interval '1 h', 'done', now() - n * interval '1 h',
       '{}', now() - n * interval '1 h'
  FROM generate_series((extract(epoch FROM :past) / 3600)::int, 1, -1) n;
INSERT INTO removal (run_id, what, subject, amount, bytes, why, noted_at, removed_at)
SELECT 1, 'shards', path, 1, length, 'old', removed_at, removed_at FROM shard WHERE state = 'removed' ORDER BY shard_id;

INSERT INTO reprocess_request (request_id, mode, parameters) VALUES ('an old one', 'dead_letters', '{}');
INSERT INTO refed_record (topic, "partition", "offset", request_id, sought_from, fed_at, fed_partition, fed_offset)
SELECT topic, "partition", "start" + b * 20 + 17, 'an old one', '{"0": 1}', at, 0, 1 FROM block
 WHERE b = 0 AND is_removed ORDER BY slice_id;
INSERT INTO reprocess_attempt (request_id, source_shard_id, state, ended_at)
SELECT 'an old one', slice_id, 'abandoned', at FROM past WHERE is_removed AND slice_id % 10 = 0;

INSERT INTO notice (kind, subject, summary, opened_at, told_at, over_at, over_told_at)
SELECT 'lateness', 'subject ' || n, 'late', at, at, at, at
  FROM generate_series(1, 200) n CROSS JOIN LATERAL (SELECT now() - n * interval '10 h' AS at) x;

INSERT INTO bi_sync_state (name, watermark, synced_at, documents)
VALUES ('photos', (:first_xid + 2 * :slices - 3)::text::xid8, now() - interval '2 minutes', :records);

INSERT INTO accepted_change (day, customer_id, expired, versions)
SELECT day_of(at - interval '40 s' + k * interval '1 s'), lpad(to_hex(customer), 32, '0')::uuid,
       count(*) FILTER (WHERE k < 17), count(*)
  FROM record WHERE blank AND outcome <> 'absent' GROUP BY 1, 2;

DROP TABLE record, block, hold_of_slice, past;
