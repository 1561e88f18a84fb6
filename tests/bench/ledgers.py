"""A ledger with a good many outcomes in it, put there by the database itself: what a benchmark looks at."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

SLICE_RECORDS = 500
"""As one micro-batch commits them: one transaction each."""

_CUSTOMER = text("""
INSERT INTO customer (customer_id, email, display_name, password_hash) VALUES (:id, :email, :name, '-')
""")
_PROGRESS = text("""
INSERT INTO partition_progress (topic, "partition", first_offset, next_offset)
VALUES ('photos.uploaded', 0, 0, :records)
""")
_SLICE = text("""
INSERT INTO slice (topic, "partition", "start", "end", dt, state, committed_at)
VALUES ('photos.uploaded', 0, :start, :end, current_date, 'committed', now()) RETURNING slice_id
""")
_SHARD = text("""
INSERT INTO shard (path, dt, length, photos, slice_id)
VALUES (:path, current_date, 1, :photos, :slice) RETURNING shard_id
""")
_PHOTOS = text("""
INSERT INTO photo (photo_id, customer_id, sha256, source, filename, content_type, format, width, height, bytes, camera,
                   taken_at, taken_at_offset, blurhash, uploaded_at, accepted_at, processed_at, shard_id)
SELECT CAST(md5('photo' || n) AS uuid), (CAST(:customers AS uuid[]))[n % :many + 1], md5('a' || n) || md5('b' || n),
       'upload', 'IMG_' || n || '.jpg', 'image/jpeg', (ARRAY['jpeg', 'heic', 'png'])[n % 3 + 1], 4000 + n % 32, 3000,
       3000000 + n, (ARRAY['Apple iPhone 15 Pro', 'Canon EOS R6', 'Google Pixel 8'])[n % 3 + 1],
       TIMESTAMP '2026-03-01 08:00' - n * INTERVAL '15 minutes', '+02:00', 'LEHV6nWB2yk8pyo0adR*.7kCMdnj',
       TIMESTAMPTZ '2026-03-01 12:00Z' + n * INTERVAL '10 seconds',
       TIMESTAMPTZ '2026-03-01 12:00Z' + n * INTERVAL '10 seconds',
       TIMESTAMPTZ '2026-03-01 12:00:04.25Z' + n * INTERVAL '10 seconds', :shard
  FROM generate_series(CAST(:start AS int), CAST(:end AS int) - 1) n
""")
_RENDITIONS = text("""
INSERT INTO rendition (photo_id, kind, shard_id, "offset", length, crc32, content_type, width, height)
SELECT photo_id, kind, shard_id, (row_number() OVER (PARTITION BY kind ORDER BY photo_id) - 1) * CAST(:length AS int),
       :length, abs(hashtext(photo_id::text)), 'image/jpeg', 320, 240
  FROM photo, unnest(ARRAY['original', 'web', 'thumb']) kind WHERE shard_id = :shard
""")
_RECORDS = text("""
INSERT INTO ledger_record (log_id, "offset", processed_at, slice_id, accepted_at, photo_id, customer_id, bytes, outcome,
                           source, event_id)
SELECT log_id, n, TIMESTAMPTZ '2026-03-01 12:00:04.25Z' + n * INTERVAL '10 seconds', :slice,
       TIMESTAMPTZ '2026-03-01 12:00Z' + n * INTERVAL '10 seconds', CAST(md5('photo' || n) AS uuid),
       (CAST(:customers AS uuid[]))[n % :many + 1], 3000000 + n, 'processed', 'upload', md5('e' || n)
  FROM partition_progress, generate_series(CAST(:start AS int), CAST(:end AS int) - 1) n
""")
_STATES = text("""
INSERT INTO ledger_state (log_id, "offset", processed_at, filename)
SELECT log_id, "offset", processed_at, 'IMG_' || "offset" || '.jpg' FROM ledger_record
 WHERE "offset" >= CAST(:start AS int) AND "offset" < CAST(:end AS int)
""")
_MONTHS = text("""
SELECT add_ledger_month(ledger, CAST(month AS date))
  FROM generate_series(TIMESTAMP '2026-03-01', TIMESTAMP '2026-03-01 12:00:05' + :records * INTERVAL '10 seconds',
                       INTERVAL '1 month') month, unnest(ARRAY['ledger_record', 'ledger_state']) ledger
""")


def customers(owner: Engine, count: int) -> list[UUID]:
    """That many new customers."""
    found = [uuid4() for _ in range(count)]
    people = [{"id": each, "email": f"{each}@example.org", "name": f"Customer {each}"} for each in found]
    with owner.begin() as connection:
        connection.execute(_CUSTOMER, people)
    return found


def fill(owner: Engine, customers: Sequence[UUID], records: int) -> None:
    """Commit that many processed photos of these customers, slice by slice."""
    with owner.begin() as connection:
        connection.execute(_PROGRESS, {"records": records})
        connection.execute(_MONTHS, {"records": records})
    for start in range(0, records, SLICE_RECORDS):
        _commit_slice(owner, customers, start, min(start + SLICE_RECORDS, records))
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def place(owner: Engine, length: int, root: str) -> dict[str, int]:
    """Say that the photos' renditions lie in their shards, one after the other: paths, and how many each has.

    All three of a photo are the same bytes.
    """
    with owner.begin() as connection:
        connection.execute(text("UPDATE shard SET path = :root || path"), {"root": root})
        shards = connection.execute(text("SELECT shard_id, path, photos FROM shard ORDER BY shard_id")).all()
        connection.execute(_RENDITIONS, [{"shard": shard.shard_id, "length": length} for shard in shards])
    return {shard.path: shard.photos for shard in shards}


def _commit_slice(owner: Engine, customers: Sequence[UUID], start: int, end: int) -> None:
    bounds = {"start": start, "end": end}
    many = {"customers": [str(each) for each in customers], "many": len(customers)}
    with owner.begin() as connection:
        slice_id = connection.execute(_SLICE, bounds).scalar_one()
        shard = {"path": f"/photos/archive/{slice_id}.tar", "photos": end - start, "slice": slice_id}
        shard_id = connection.execute(_SHARD, shard).scalar_one()
        connection.execute(_PHOTOS, {**bounds, **many, "shard": shard_id})
        connection.execute(_RECORDS, {**bounds, **many, "slice": slice_id})
        connection.execute(_STATES, bounds)
