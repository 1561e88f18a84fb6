"""The queries of the documents for whoever is on call, run as they stand there, under the role that they name."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url
from tests.support.databases import Database, fresh_database

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.settings import DatabaseSettings

ROOT = Path(__file__).resolve().parents[2]
COMMAND = re.compile(r"""(?:SQL_URL=\$\w+ )?\bsql (?:'SELECT [^']+'|"SELECT (?:[^"\\]|\\.)+")""")
COMMANDS = sorted({found for path in (ROOT / "docs").glob("*.md") for found in COMMAND.findall(path.read_text())})
QUERIES = [command for command in COMMANDS if "SELECT ..." not in command]
[OPEN_TRANSACTIONS] = [command for command in QUERIES if "pg_stat_activity" in command]


@pytest.fixture(scope="module")
def superuser(test_stack: Stack) -> str:
    """Give the password of PostgreSQL's superuser."""
    return Credentials(test_stack.settings.home / "secrets").password("postgres")


@pytest.fixture(scope="module")
def database(stack: Endpoints, superuser: str) -> Iterator[Database]:
    """Give an empty, migrated database of this module's own."""
    with fresh_database(stack, superuser) as fresh:
        yield fresh


def on_call(database: Database, command: str) -> list[list[str]]:
    """What a command prints in a shell with ``bin/on-call``, line by line; the first has the columns' names."""
    urls = {"PHOTO_BI": database.bi, "PHOTO_PIPELINE": database.pipeline, "PHOTO": database.owner}
    addresses = {f"{name}_DATABASE_URL": shell_url(settings) for name, settings in urls.items()}
    environment = {**os.environ, **addresses, "AIRFLOW_URL": "http://nowhere", "RUN": "a run"}
    done = subprocess.run(  # noqa: S603 - the repository's own commands
        ["/bin/bash", "-c", f". bin/on-call\n{command}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def url_of(settings: DatabaseSettings) -> URL:
    """The address as libpq writes it."""
    return make_url(settings.url.get_secret_value()).set(drivername="postgresql")


def shell_url(settings: DatabaseSettings) -> str:
    """The same with its password."""
    return url_of(settings).render_as_string(hide_password=False)


@pytest.mark.parametrize("query", QUERIES)
def test_a_documented_query_runs_under_its_role(database: Database, query: str) -> None:
    """No table, column or right is missing."""
    assert on_call(database, query)


def test_the_query_for_open_transactions_names_those_that_hold_the_sync_up(
    database: Database, stack: Endpoints, superuser: str
) -> None:
    """With role and time, whoever's they are and in whatever database; readers hold nothing up and are not named."""
    administrator = url_of(database.owner).set(username="postgres", password=superuser, database="postgres")
    with (
        closing(psycopg.connect(shell_url(database.api), application_name="writes")) as writes,
        closing(psycopg.connect(shell_url(database.owner), application_name="reads")) as reads,
        closing(psycopg.connect(administrator.render_as_string(hide_password=False), application_name="afar")) as afar,
    ):
        for connection in (writes, afar):
            connection.execute("SELECT pg_current_xact_id()")
        reads.execute("SELECT count(*) FROM photo")
        names, *rows = on_call(database, OPEN_TRANSACTIONS)
        found = {row["application_name"]: row for row in (dict(zip(names, values, strict=True)) for values in rows)}
        assert found.keys() >= {"writes", "afar"}
        assert "reads" not in found
        assert (found["writes"]["role"], found["afar"]["database"]) == ("photo_api", "postgres")
        assert found["writes"]["began"]
        assert list(found).index("writes") < list(found).index("afar")
