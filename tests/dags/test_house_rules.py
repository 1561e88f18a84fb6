"""House rules for DAGs: what a data engineer may expect of every one of them in the UI."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from photo_pipeline.orchestration import pools

REPOSITORY = Path(__file__).resolve().parents[2]
DAGS = sorted(path.stem for path in (REPOSITORY / "dags").glob("*.py"))
NEEDS_ASSETS = {
    "platform_setup": {"photo_archive", "photo_ledger", "photo_search", "photos_processed", "photos_rejected"},
    "photo_ingest": {"photo_archive", "photo_ledger", "photos_processed", "photos_rejected"},
    "photo_bi_sync": {"photo_search"},
    "photo_archive_retention": {"photo_archive", "photo_ledger"},
    "photo_reconcile": {"photo_reconciliation", "photo_notices"},
    "photo_reprocess": {"photo_archive", "photo_ledger"},
    "photo_hold": {"photo_holds"},
    "photo_erase": {"photo_archive", "photo_ledger", "photo_search"},
    "photo_settle_log": {"photo_ledger"},
    "photo_removal_permit": {"photo_removal_permits"},
    "photo_watch": {"photo_notices"},
    "photo_airflow_cleanup": set(),
}


def test_every_file_imports_without_error_or_warning(dag_bag: Any) -> None:
    """No import error, and no warning from our files."""
    assert dag_bag.import_errors == {}
    assert dag_bag.captured_warnings == {}


def test_parsing_touches_no_server(dag_bag: Any, touched_addresses: list[object]) -> None:
    """Parsing opens no connection: connections are read inside tasks."""
    assert len(dag_bag.dags) > 0
    assert touched_addresses == []


def test_one_dag_per_file_of_the_same_name(dag_bag: Any) -> None:
    """A DAG is found by its name."""
    assert sorted(dag_bag.dags) == DAGS


@pytest.mark.parametrize("dag_id", DAGS)
def test_dag_explains_itself(dag_bag: Any, dag_id: str) -> None:
    """Owner, tags, and a page that says what, when, what goes in and out, and what to do when red."""
    dag = dag_bag.dags[dag_id]
    assert "photos" in dag.tags
    for heading in ("**What**", "**When**", "**In**", "**Out**", "**When red**"):
        assert heading in dag.doc_md
    assert dag.catchup is False
    assert dag.max_active_runs <= 2


@pytest.mark.parametrize("dag_id", DAGS)
def test_every_task_is_owned_and_retried(dag_bag: Any, dag_id: str) -> None:
    """Every task has an owner, at least two retries that wait, and a line that says what it does."""
    for task in dag_bag.dags[dag_id].tasks:
        assert task.owner == "photo-platform", task.task_id
        assert task.retries >= 2, task.task_id
        assert task.retry_delay >= timedelta(seconds=1), task.task_id
        assert task.doc_md, task.task_id


@pytest.mark.parametrize("dag_id", DAGS)
def test_assets_draw_the_flow(dag_bag: Any, dag_id: str) -> None:
    """What a DAG changes is an outlet, so that the asset graph shows Kafka → HDFS + PostgreSQL → Elasticsearch."""
    outlets = {outlet.name for task in dag_bag.dags[dag_id].tasks for outlet in task.outlets}
    assert outlets >= NEEDS_ASSETS[dag_id]


@pytest.mark.parametrize("dag_id", DAGS)
def test_failure_is_told(dag_bag: Any, dag_id: str) -> None:
    """Every task that fails for good tells somebody, but for `judge`: its findings were told one by one."""
    silent = {task.task_id for task in dag_bag.dags[dag_id].tasks if not task.has_on_failure_callback}
    assert silent == ({"judge"} if dag_id == "photo_reconcile" else set())


POOLS = json.loads((REPOSITORY / "include" / "photo_pipeline" / "orchestration" / "pools.json").read_text())


@pytest.mark.parametrize("dag_id", DAGS)
def test_every_pool_is_one_that_every_deployment_makes(dag_bag: Any, dag_id: str) -> None:
    """A task whose pool does not exist is never scheduled, and nobody says so."""
    named = {task.task_id: task.pool for task in dag_bag.dags[dag_id].tasks}
    assert set(named.values()) <= set(POOLS), named


def test_pools_are_listed_once() -> None:
    """The file that makes them and the names that DAGs use are the same; each has slots and says what it is for."""
    names = {value for name, value in vars(pools).items() if name.isupper()}
    assert names == set(POOLS)
    for name, pool in POOLS.items():
        assert pool["slots"] > 0, name
        assert pool["description"], name
        assert pool["include_deferred"] is False, name
