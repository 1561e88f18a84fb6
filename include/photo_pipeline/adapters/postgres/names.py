"""Who and what things are called, with the pipeline's role: the analysts' role, which the page has, sees no names."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, TextClause, text

from photo_pipeline.adapters.postgres.looking import looking, rows_of
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.ways import FOUND, NamedFile, Person

NEIGHBOURS = 3

_PERSON = "SELECT customer_id, display_name, email, closed_at FROM page_customer WHERE "
PEOPLE = text(f"{_PERSON} customer_id = ANY (:customer_ids)")
BY_EMAIL = text(f"{_PERSON} email = :email")
EMAILS_BESIDE = text(f"""
({_PERSON} email COLLATE "C" < :email ORDER BY email COLLATE "C" DESC LIMIT {NEIGHBOURS}) UNION ALL
({_PERSON} email COLLATE "C" >= :email ORDER BY email COLLATE "C" LIMIT {NEIGHBOURS})
""")
# Exactly that name, the newest first; or the names that stand from there on in the index, of which those that begin so
# are kept. Where a range has an end, the planner thinks it short, and reads and sorts all that is in it.
_BEGINS = "starts_with(lower(f.filename), lower(:name))"
_PHOTOS = f"""
SELECT f.filename, f.at, f.photo_id
  FROM (SELECT filename, uploaded_at AS at, photo_id FROM photo
         WHERE status = 'processed' AND filename IS NOT NULL AND {{condition}}
         ORDER BY lower(filename) COLLATE "C", uploaded_at DESC LIMIT {FOUND}) f
 WHERE {_BEGINS}
"""
# A record has a file name where it was refused. It is not asked whether it was: other indices say that, too.
_REFUSED = f"""
SELECT f.filename, f.at, l.topic, l."partition", f."offset", l.incarnation
  FROM (SELECT filename, processed_at AS at, log_id, "offset" FROM ledger_record
         WHERE filename IS NOT NULL AND {{condition}}
         ORDER BY lower(filename) COLLATE "C", processed_at DESC LIMIT {FOUND}) f
  JOIN partition_progress l ON l.log_id = f.log_id
 WHERE {_BEGINS}
"""


def _names(sign: str) -> list[TextClause]:
    condition = f'lower(filename) COLLATE "C" {sign} lower(:name)'
    return [text(statement.format(condition=condition)) for statement in (_PHOTOS, _REFUSED)]


_SAME, _FROM = _names("="), _names(">=")
FILES = text("""
SELECT l.topic, l."partition", s."offset", l.incarnation, coalesce(r.filename, t.filename) AS filename
  FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS integer[]), CAST(:offsets AS bigint[]),
              CAST(:incarnations AS smallint[]), CAST(:times AS timestamptz[]))
       AS s (topic, "partition", "offset", incarnation, at)
  JOIN partition_progress l ON l.topic = s.topic AND l."partition" = s."partition" AND l.incarnation = s.incarnation
 CROSS JOIN LATERAL (SELECT filename FROM ledger_record r
                      WHERE r.log_id = l.log_id AND r."offset" = s."offset" AND r.processed_at = s.at LIMIT 1) r
  LEFT JOIN LATERAL (SELECT filename FROM ledger_state t
                      WHERE t.log_id = l.log_id AND t."offset" = s."offset" AND t.processed_at = s.at LIMIT 1) t ON true
 WHERE coalesce(r.filename, t.filename) IS NOT NULL
""")


class PostgresNames:
    """The ``NameBook`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def people(self, customer_ids: Collection[UUID]) -> Sequence[Person]:
        """See the port."""
        return [_person(row) for row in rows_of(self._engine, PEOPLE, customer_ids=list(customer_ids))]

    def people_near(self, email: str) -> Sequence[Person]:
        """See the port."""
        exact = rows_of(self._engine, BY_EMAIL, email=email)
        return [_person(row) for row in exact or rows_of(self._engine, EMAILS_BESIDE, email=email)]

    def files_called(self, name: str) -> Sequence[NamedFile]:
        """See the port."""
        found = self._called(_SAME, name) or self._called(_FROM, name)
        return sorted(found, key=lambda one: one.at, reverse=True)[:FOUND]

    def files(self, settled: Mapping[RecordCoordinates, datetime]) -> Mapping[RecordCoordinates, str]:
        """See the port."""
        values = {
            "topics": [where.topic for where in settled],
            "partitions": [where.partition for where in settled],
            "offsets": [where.offset for where in settled],
            "incarnations": [where.incarnation for where in settled],
            "times": list(settled.values()),
        }
        return {_where(row): row.filename for row in rows_of(self._engine, FILES, **values)}

    def _called(self, statements: Sequence[TextClause], name: str) -> list[NamedFile]:
        with looking(self._engine) as connection:
            photos, refused = (connection.execute(each, {"name": name}).all() for each in statements)
        return [
            *(NamedFile(row.filename, row.at, row.photo_id) for row in photos),
            *(NamedFile(row.filename, row.at, _where(row)) for row in refused),
        ]


def _person(row: Row[Any]) -> Person:
    return Person(row.customer_id, row.display_name, row.email, row.closed_at)


def _where(row: Row[Any]) -> RecordCoordinates:
    return RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation)
