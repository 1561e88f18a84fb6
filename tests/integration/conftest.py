"""What the integration tests share."""

from collections.abc import Iterator

import pytest
from tests.support.databases import Database, fresh_database
from tests.support.figures import World, settled_world
from tests.support.pipeline import Pipeline, own_pipeline

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials


@pytest.fixture
def database(stack: Endpoints, test_stack: Stack) -> Iterator[Database]:
    """Give an empty, migrated database of this test's own."""
    superuser = Credentials(test_stack.settings.home / "secrets").password("postgres")
    with fresh_database(stack, superuser) as fresh:
        yield fresh


@pytest.fixture
def pipeline(stack: Endpoints, database: Database) -> Iterator[Pipeline]:
    """Give a pipeline of this test's own on the real servers."""
    with own_pipeline(stack, database) as own:
        yield own


@pytest.fixture(scope="session")
def settled(stack: Endpoints, test_stack: Stack) -> Iterator[World]:
    """Give a ledger of mixed outcomes after updates, expiries and a resync, and the index of it; only to be read."""
    with settled_world(stack, test_stack) as world:
        yield world
