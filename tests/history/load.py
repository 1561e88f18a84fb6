"""Fills a migrated database with a history."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from tests.history.shape import SLICE, Shape

from photo_pipeline.domain.retention import RetentionPolicy

HOUR = timedelta(hours=1)
STATEMENTS = (Path(__file__).parent / "load.sql").read_text()
NAME = re.compile(r"(?<!:):([a-z_]+)")
FILLED = ("ledger_record", "ledger_state", "photo", "rendition", "outbox", "shard", "slice", "hold", "removal")
# What was committed long ago has long been written back; nobody waits for the disk here.
QUICKLY = """
SET session_replication_role = replica;
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SET work_mem = '128MB';
SET max_parallel_maintenance_workers = 2;
"""
# Every slice has a transaction of its own, and every other number is left to transactions that are still open.
SPEND = """
DO $$ BEGIN
  FOR spent IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
END $$
"""
INDICES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
 WHERE indrelid = ANY (%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
 ORDER BY indexrelid
"""

Connection = psycopg.Connection[TupleRow]


def load(connection: Connection, shape: Shape) -> None:
    """Write the history.

    Args:
        connection: a superuser's, to a migrated database with nothing in it, in autocommit.
        shape: how much.
    """
    connection.execute(QUICKLY)
    xids = 2 * shape.slices + 4
    connection.execute(SPEND.format(count=xids).encode())
    newest = int(_one(connection, "SELECT CAST(pg_current_xact_id() AS text)"))
    parameters = _parameters(shape, newest - xids)
    with _without_indices(connection):
        for statement in STATEMENTS.split(";\n"):
            connection.execute(_filled_in(statement, parameters))


def _parameters(shape: Shape, first_xid: int) -> dict[str, object]:
    lifetime = RetentionPolicy().lifetime
    return {
        "records": shape.records,
        "slices": shape.slices,
        "slice": SLICE,
        "customers": shape.customers,
        "past": shape.past,
        "months": shape.months,
        "few": shape.few,
        "between_few": shape.between_few,
        "between": shape.between,
        "lifetime": lifetime,
        # The last run was an hour ago, and two shards at least have come due since.
        "removed_after": lifetime + max(HOUR, 2 * shape.between),
        "due_after": lifetime - 3 * HOUR,
        "first_xid": first_xid,
    }


def _filled_in(statement: str, parameters: dict[str, object]) -> sql.Composed:
    parts = NAME.split(statement)
    texts = [sql.SQL(cast("LiteralString", part)) for part in parts[::2]]
    values = [sql.Literal(parameters[name]) for name in parts[1::2]]
    pairs = zip(texts, [*values, sql.SQL("")], strict=True)
    return sql.Composed([piece for pair in pairs for piece in pair])


@contextmanager
def _without_indices(connection: Connection) -> Iterator[None]:
    """Indices are made of many rows far quicker than by many rows.

    In the order in which migrations made them: of two that would cost the same, the planner takes the older one.
    """
    indices = connection.execute(INDICES, [list(FILLED)]).fetchall()
    for name, _ in indices:
        connection.execute(f"DROP INDEX {name}".encode())
    yield
    for _, definition in indices:
        connection.execute(str(definition).replace(" ON ONLY ", " ON ").encode())


def _one(connection: Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
