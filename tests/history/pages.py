"""How many pages statements read, as PostgreSQL itself counts them while the product runs them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.errors import Diagnostic
from psycopg.rows import TupleRow
from sqlalchemy import Engine, event

# The plan of each statement, of those within triggers too, goes to whoever ran it, with what it read.
EXPLAIN_ALL: Mapping[LiteralString, LiteralString] = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    "auto_explain.log_parameter_max_length": "0",
}
READ = ("Shared Hit Blocks", "Shared Read Blocks", "Temp Read Blocks", "Temp Written Blocks")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was run, and the pages that it read; sorts that did not fit into memory count too."""

    pages: int
    text: str
    plan: Mapping[str, Any]


@dataclass(slots=True)
class Counter:
    """Collects the statements that are run on the engines that it watches."""

    statements: list[Statement] = field(default_factory=list)

    def watch(self, engine: Engine) -> Engine:
        """The engine, every connection of which tells from now on."""
        event.listen(engine, "connect", lambda connection, _: connection.add_notice_handler(self._hear))
        return engine

    @contextmanager
    def counting(self) -> Iterator[list[Statement]]:
        """The statements that are run meanwhile."""
        self.statements = []
        yield self.statements

    def _hear(self, notice: Diagnostic) -> None:
        head, _, body = (notice.message_primary or "").partition("plan:\n")
        if head.startswith("duration:"):
            said = json.loads(body)
            plan = said["Plan"]
            self.statements.append(Statement(sum(plan.get(name, 0) for name in READ), said["Query Text"], plan))


def explain_all(server: "psycopg.Connection[TupleRow]", database: str) -> None:
    """Let whoever connects to that database hear of every plan. Only a superuser may say so."""
    for name, value in EXPLAIN_ALL.items():
        statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
        names = sql.SQL(".").join(map(sql.Identifier, name.split(".")))
        server.execute(statement.format(sql.Identifier(database), names, sql.Literal(value)))


def total(statements: list[Statement]) -> int:
    """Pages of them all."""
    return sum(each.pages for each in statements)
