"""What a form's request would do, from the views ``page_*``, with role ``photo_bi``. Counted up to a limit."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Engine, text

from photo_pipeline.adapters.postgres.looking import looking
from photo_pipeline.domain.forms import COUNTED, Feedable, Named, Refused
from photo_pipeline.domain.reprocess import Request

# The same records that feeding them would find, and those that it leaves out. What was erased is neither.
FEEDABLE = text(f"""
SELECT customer_id, reason, fed, count(*) AS records
  FROM (SELECT r.customer_id, r.reason,
               EXISTS (SELECT FROM page_refed f
                        WHERE f.topic = r.topic AND f."partition" = r."partition" AND f."offset" = r."offset"
                          AND f.incarnation = r.incarnation) AS fed
          FROM page_outcome r
         WHERE r.outcome = 'rejected' AND coalesce(r.reason, '') <> 'erased' AND r.processed_at >= :start
           AND r.processed_at < :end AND r.topic = ANY(:topics)
           AND (CAST(:customer_id AS uuid) IS NULL OR r.customer_id = :customer_id)
           AND (CAST(:reason AS text) IS NULL OR r.reason = :reason)
           AND (CAST(:topic AS text) IS NULL OR (r.topic = :topic AND r."partition" = :partition
                                                 AND r."offset" = :offset AND r.incarnation = :incarnation))
         ORDER BY r.processed_at LIMIT {COUNTED + 1}) found
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")
PHOTO = text("SELECT customer_id FROM page_photo WHERE photo_id = :photo_id AND status = 'processed'")
PHOTOS = text(f"""
SELECT count(*) FROM (SELECT 1 FROM page_photo WHERE customer_id = :customer_id AND status = 'processed'
                       LIMIT {COUNTED + 1}) found
""")
HELD = text("""
SELECT EXISTS (SELECT FROM page_hold
                WHERE origin = 'operator'
                  AND (photo_id = CAST(:photo_id AS uuid)
                       OR (CAST(:photo_id AS uuid) IS NULL AND photo_id IS NULL AND customer_id = :customer_id)))
""")
# As erasing asks: of a photo also its customer's, of a customer also any photo's.
BARRED = text("""
SELECT EXISTS (SELECT FROM page_hold
                WHERE origin = 'operator' AND customer_id = :owner
                  AND (CAST(:photo_id AS uuid) IS NULL OR photo_id IS NULL OR photo_id = CAST(:photo_id AS uuid)))
""")


class PostgresFormPreviews:
    """The ``FormPreviews`` port on PostgreSQL.

    Args:
        engine: under the role that reads views alone.
        topics: the incoming ones.
    """

    def __init__(self, engine: Engine, topics: Collection[str]) -> None:
        self._engine = engine
        self._topics = list(topics)

    def feedable(self, request: Request) -> Feedable:
        """See the port."""
        record = request.record
        parameters = {
            "start": request.start,
            "end": request.end,
            "topics": self._topics,
            "customer_id": request.customer_id,
            "reason": request.reason and request.reason.value,
            "topic": record and record.topic,
            "partition": record and record.partition,
            "offset": record and record.offset,
            "incarnation": record and record.incarnation,
        }
        with looking(self._engine) as connection:
            rows = connection.execute(FEEDABLE, parameters).all()
        refused = tuple(Refused(row.customer_id, row.reason, row.records) for row in rows if not row.fed)
        return Feedable(refused, sum(row.records for row in rows if row.fed))

    def named(self, photo_id: UUID | None, customer_id: UUID | None) -> Named:
        """See the port."""
        named = {"photo_id": photo_id, "customer_id": customer_id}
        with looking(self._engine) as connection:
            is_held = bool(connection.execute(HELD, named).scalar_one())
            if photo_id is None:
                owner, photos = customer_id, connection.execute(PHOTOS, named).scalar_one()
            else:
                owner = connection.execute(PHOTO, named).scalar_one_or_none()
                photos = int(owner is not None)
            is_barred = bool(connection.execute(BARRED, {"photo_id": photo_id, "owner": owner}).scalar_one())
            return Named(photos, owner, is_held=is_held, is_barred=is_barred)
