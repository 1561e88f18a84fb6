"""What was erased, asked by ids: the table behind it is nobody's to read."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, func, select

from photo_pipeline.adapters.postgres.bulk import as_array


def erased_among(connection: Connection, ids: Collection[UUID]) -> set[UUID]:
    """Those of these photos and customers that were erased."""
    if not ids:
        return set()
    return set(connection.scalars(select(func.erased_among(as_array(list(ids))))))
