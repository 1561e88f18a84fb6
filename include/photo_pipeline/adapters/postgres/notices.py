"""The book of notices on PostgreSQL, with role ``photo_pipeline``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Engine, text

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.domain.notices import Condition, Notice, NoticeKind

KEEP = timedelta(days=90)

NOTE = text("""
INSERT INTO notice (kind, subject, summary) VALUES (:kind, :subject, :summary)
ON CONFLICT (kind, subject) WHERE over_at IS NULL DO UPDATE SET seen_at = clock_timestamp()
""")
END_OTHERS = text("""
UPDATE notice SET over_at = clock_timestamp()
 WHERE kind = :kind AND over_at IS NULL AND subject <> ALL (:subjects)
""")
CLOSE = text("""
UPDATE notice SET over_at = clock_timestamp(), over_told_at = clock_timestamp()
 WHERE kind = :kind AND over_at IS NULL
   AND (told_at < clock_timestamp() - :told_for OR seen_at < clock_timestamp() - :unseen_for)
""")
DELETE = text("DELETE FROM notice WHERE over_at < clock_timestamp() - :keep")
# What was over before anybody was told of it is never told.
UNTOLD = text("""
SELECT notice_id, summary, opened_at, over_at FROM notice
 WHERE kind = :kind AND over_told_at IS NULL AND (told_at IS NULL) = (over_at IS NULL)
 ORDER BY notice_id FOR UPDATE SKIP LOCKED
""")
TOLD = text("""
UPDATE notice SET told_at = coalesce(told_at, clock_timestamp()),
       over_told_at = CASE WHEN over_at IS NOT NULL THEN clock_timestamp() END
 WHERE notice_id = ANY (:ids)
""")


class PostgresNoticeBook:
    """The ``NoticeBook`` port on the table ``notice``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, kind: NoticeKind, conditions: Sequence[Condition]) -> None:
        """See the port."""
        rows = {each.subject: {"kind": kind, "subject": each.subject, "summary": each.summary} for each in conditions}
        if rows:
            with transaction(self._engine) as connection:
                connection.execute(NOTE, [rows[subject] for subject in sorted(rows)])

    def end_others(self, kind: NoticeKind, conditions: Sequence[Condition]) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(END_OTHERS, {"kind": kind, "subjects": [each.subject for each in conditions]})

    def forget(self, kind: NoticeKind, told_for: timedelta, unseen_for: timedelta) -> None:
        """See the port. What has been over for a quarter of a year is deleted."""
        with transaction(self._engine) as connection:
            connection.execute(CLOSE, {"kind": kind, "told_for": told_for, "unseen_for": unseen_for})
            connection.execute(DELETE, {"keep": KEEP})

    @contextmanager
    def untold(self, kind: NoticeKind) -> Iterator[Sequence[Notice]]:
        """See the port. The rows stay locked while they are told."""
        with transaction(self._engine) as connection:
            rows = connection.execute(UNTOLD, {"kind": kind}).all()
            yield [Notice(row.notice_id, kind, row.summary, row.opened_at, row.over_at) for row in rows]
            connection.execute(TOLD, {"ids": [row.notice_id for row in rows]})
