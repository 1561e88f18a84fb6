"""Makes a started platform usable through Airflow's REST API: runs ``platform_setup``, then wakes the other DAGs.

DAGs are created paused here. Awake from the first second, they would fail on tables and topics that do not exist yet.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx

from local_stack.errors import SetupFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_stack.endpoints import Endpoints

DAG_ID = "platform_setup"
DAGS_KNOWN_SECONDS = 90.0
RUN_SECONDS = 300.0
POLL_SECONDS = 0.5
REQUEST_SECONDS = 30


def set_up_platform(endpoints: Endpoints, dags_folder: Path, woken: Path) -> None:
    """Run ``platform_setup``, wait for its success, and wake every DAG that was not woken before.

    Args:
        endpoints: Where Airflow is, and its administrator.
        dags_folder: One file per DAG, named like it.
        woken: Remembers the DAGs that were woken, so that one paused by hand stays paused.

    Raises:
        SetupFailedError: A DAG is not known to Airflow, or the run failed; says where to look.
    """
    dag_ids = {path.stem for path in dags_folder.glob("*.py")} | {DAG_ID}
    try:
        with httpx.Client(base_url=endpoints.airflow_url, timeout=REQUEST_SECONDS) as client:
            client.headers["Authorization"] = f"Bearer {_token(client, endpoints)}"
            _wait_for_dags(client, {DAG_ID})
            _wake(client, {DAG_ID})
            _wait_for_success(client, _trigger(client), endpoints)
            _wait_for_dags(client, dag_ids)
            known = set(json.loads(woken.read_text())) if woken.exists() else set()
            _wake(client, dag_ids - known)
            woken.write_text(json.dumps(sorted(dag_ids | known)))
    except (httpx.HTTPError, KeyError) as error:
        raise SetupFailedError(f"Airflow's API did not do as expected during {DAG_ID}: {error!r}") from error


def _token(client: httpx.Client, endpoints: Endpoints) -> str:
    account = {"username": endpoints.airflow_user, "password": endpoints.airflow_password}
    return str(_json(client.post("/auth/token", json=account))["access_token"])


def _wait_for_dags(client: httpx.Client, dag_ids: set[str]) -> None:
    missing = dag_ids
    for _ in _polls(DAGS_KNOWN_SECONDS):
        dags = _json(client.get("/api/v2/dags", params={"limit": 100, "exclude_stale": True}))["dags"]
        missing = dag_ids - {dag["dag_id"] for dag in dags}
        if not missing:
            return
        errors = _json(client.get("/api/v2/importErrors"))["import_errors"]
        if errors:
            lines = errors[0]["stack_trace"].strip().splitlines() or ["no reason given"]
            raise SetupFailedError(f"Airflow cannot import {errors[0]['filename']}: {lines[-1]}")
    names = ", ".join(sorted(missing))
    raise SetupFailedError(
        f"Airflow does not know {names} after {DAGS_KNOWN_SECONDS:.0f} s; is there such a DAG in dags/?"
    )


def _wake(client: httpx.Client, dag_ids: set[str]) -> None:
    for dag_id in sorted(dag_ids):
        _json(client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}))


def _trigger(client: httpx.Client) -> str:
    answer = client.post(f"/api/v2/dags/{DAG_ID}/dagRuns", json={"logical_date": None, "note": "started by make up"})
    return str(_json(answer)["dag_run_id"])


def _wait_for_success(client: httpx.Client, run_id: str, endpoints: Endpoints) -> None:
    state = ""
    for _ in _polls(RUN_SECONDS):
        state = _json(client.get(f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}"))["state"]
        if state == "success":
            return
        if state == "failed":
            break
    where = f"{endpoints.airflow_url}/dags/{DAG_ID}/runs/{run_id}"
    said = "failed" if state == "failed" else f"is still {state} after {RUN_SECONDS:.0f} s"
    raise SetupFailedError(f"{DAG_ID} {said}: look at {where} (user {endpoints.airflow_user})")


def _json(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json()


def _polls(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(POLL_SECONDS)
