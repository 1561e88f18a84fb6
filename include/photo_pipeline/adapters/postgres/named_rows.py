"""Rows of the view ``bi_outcome`` by the places of their records, for the sync, erasures and the reconciliation."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from photo_pipeline.domain.photo import RecordCoordinates

AnyRow = Row[*tuple[Any, ...]]

PLACE = 'o.topic, o."partition", o."offset", o.incarnation'
_NAMED = """unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:offsets AS bigint[]),
              CAST(:incarnations AS smallint[])) AS n (topic, "partition", "offset", incarnation)
  JOIN metric_progress l USING (topic, "partition", incarnation)"""
# A record is in the month of its slice's commit.
_LIKELY = f"""{_NAMED}
 CROSS JOIN LATERAL (
       SELECT s.committed_at FROM page_slice s
        WHERE s.topic = n.topic AND s."partition" = n."partition" AND s.incarnation = n.incarnation
          AND s."start" <= n."offset"
        ORDER BY s."start" DESC LIMIT 1) s
 CROSS JOIN LATERAL (
       SELECT * FROM bi_outcome o
        WHERE o.log_id = l.log_id AND o."offset" = n."offset" AND o.processed_at = s.committed_at OFFSET 0) o"""
_ANYWHERE = f"""bi_outcome o WHERE (o.log_id, o."offset") IN (SELECT l.log_id, n."offset" FROM {_NAMED})"""


class NamedRows:
    """Some columns of ``bi_outcome o``, the first four of which are ``PLACE``."""

    def __init__(self, columns: str) -> None:
        self._likely, self._anywhere = (text(f"SELECT {columns} FROM {each}") for each in (_LIKELY, _ANYWHERE))

    def of(self, connection: Connection, records: Collection[RecordCoordinates]) -> Sequence[AnyRow]:
        """The rows of these records. What is not in its slice's month is looked for in all of them."""
        found = connection.execute(self._likely, _parameters(records)).all()
        seen = {RecordCoordinates(*row[:4]) for row in found}
        missed = [each for each in records if each not in seen]
        return [*found, *connection.execute(self._anywhere, _parameters(missed))] if missed else found


def _parameters(records: Collection[RecordCoordinates]) -> dict[str, list[str] | list[int]]:
    return {
        "topics": [at.topic for at in records],
        "partitions": [at.partition for at in records],
        "offsets": [at.offset for at in records],
        "incarnations": [at.incarnation for at in records],
    }
