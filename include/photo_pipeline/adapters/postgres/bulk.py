"""Many rows in one statement of fixed length: each column is one array, whatever the number of rows.

A statement with a placeholder for every value takes the client longer to put together than the rows take to be written,
and a statement for every row takes a round trip each (docs/adr/0202).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    TableValuedAlias,
    Update,
    bindparam,
    cast,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert

from photo_pipeline.adapters.postgres.models import Base

Row = Mapping[str, object]


def sent_rows(model: type[Base], rows: Sequence[Row]) -> TableValuedAlias:
    """These rows, with the types of a table's columns, as something to select from; ``nth`` counts them.

    Args:
        model: the table.
        rows: at least one; all with the same columns.
    """
    types = {name: model.__table__.c[name].type for name in rows[0]}
    arrays = [cast(as_array([row[name] for row in rows]), ARRAY(kind)) for name, kind in types.items()]
    columns = [column(name, kind) for name, kind in types.items()]
    return func.unnest(*arrays).table_valued(*columns, with_ordinality="nth").render_derived(name="sent")


def insert_rows(model: type[Base], rows: Sequence[Row], **alike: ColumnElement[Any]) -> Insert:
    """An INSERT of these rows, in their order; ``alike`` are further columns, the same for all of them."""
    names, sent = list(rows[0]), sent_rows(model, rows)
    chosen = select(*(sent.c[name] for name in names), *alike.values()).order_by(sent.c.nth)
    return insert(model).from_select([*names, *alike], chosen)


def update_rows(model: type[Base], key: str, rows: Sequence[Row], **alike: ColumnElement[Any]) -> Update:
    """An UPDATE of the rows with these keys to what else stands in each, and to ``alike``."""
    sent = sent_rows(model, rows)
    changes = {name: sent.c[name] for name in rows[0] if name != key}
    return update(model).where(model.__table__.c[key] == sent.c[key]).values({**changes, **alike})


def as_array(values: Collection[object]) -> BindParameter[Any]:
    """One parameter for all of them, to go with ``any_``: an IN has one for each."""
    return bindparam(None, list(values))
