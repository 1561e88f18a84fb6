"""What the integration tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.support.dag_runs import DagRuns, warm_airflow
from tests.support.databases import Database, fresh_database, superuser_of
from tests.support.figures import World, settled_world
from tests.support.gallery_rows import Commit, committing
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.reconciliation import Reconciled
from tests.support.search import fresh_search
from tests.support.stacks import first_stack
from tests.support.warm_airflow import WarmAirflow

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.postgres.engine import make_engine


@pytest.fixture
def database(stack: Endpoints, test_stack: Stack) -> Iterator[Database]:
    """Give an empty, migrated database of this test's own."""
    with fresh_database(stack, superuser_of(test_stack)) as fresh:
        yield fresh


@pytest.fixture
def owner(database: Database) -> Iterator[Engine]:
    """The database as its owner sees it."""
    engine = make_engine(database.owner, "tests")
    yield engine
    engine.dispose()


@pytest.fixture
def pipeline_engine(database: Database) -> Iterator[Engine]:
    """The database under the pipeline's own role, so that missing grants show."""
    engine = make_engine(database.pipeline, "tests")
    yield engine
    engine.dispose()


@pytest.fixture
def api(database: Database) -> Iterator[Engine]:
    """Give the database under the API's role, so that missing grants show."""
    engine = make_engine(database.api, "tests")
    yield engine
    engine.dispose()


@pytest.fixture
def commit(pipeline_engine: Engine) -> Iterator[Commit]:
    """Give a way to commit the next slice of a partition, as the ingest does."""
    with committing(pipeline_engine) as commit_next:
        yield commit_next


@pytest.fixture
def pipeline(stack: Endpoints, database: Database) -> Iterator[Pipeline]:
    """Give a pipeline of this test's own on the real servers."""
    with own_pipeline(stack, database) as own:
        yield own


@pytest.fixture
def world(searched_stack: Endpoints, pipeline: Pipeline) -> Iterator[Reconciled]:
    """A pipeline and a search index with its template, nothing in them."""
    with fresh_search(searched_stack) as search:
        search.administered().ensure_template()
        yield Reconciled(pipeline, search)


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give Airflow's folder, shared by this process's tests."""
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="session")
def airflow(airflow_home: Path) -> Iterator[WarmAirflow]:
    """Give Airflow, whose metadata are in that folder."""
    with warm_airflow(airflow_home, first_stack().home) as airflow:
        yield airflow


@pytest.fixture
def dags(world: Reconciled, airflow_home: Path, airflow: WarmAirflow) -> DagRuns:
    """Airflow, connected to that pipeline."""
    return DagRuns(airflow_home, airflow, world.pipeline, world.search)


@pytest.fixture(scope="session")
def settled(searched_stack: Endpoints, test_stack: Stack) -> Iterator[World]:
    """Give a ledger of mixed outcomes after updates, expiries and a resync, and the index of it; only to be read."""
    with settled_world(searched_stack, test_stack) as world:
        yield world
