"""Airflow's REST API: start a DAG and wait for its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from local_stack.demo.errors import NotUpError, RequestRefusedError, RunFailedError, StalledError

if TYPE_CHECKING:
    from local_stack.demo.places import Places

REQUEST_SECONDS = 30.0
RUN_SECONDS = 180.0
POLL_SECONDS = 0.5


def run_dag(places: Places, dag_id: str) -> None:
    """Start a run of the DAG and wait until it has succeeded.

    Raises:
        RunFailedError: It failed.
        StalledError: It did not end in time.
        NotUpError, RequestRefusedError: Airflow does not answer, or not as expected.
    """
    try:
        with httpx.Client(base_url=places.airflow, timeout=REQUEST_SECONDS) as client:
            account = {"username": places.airflow_user, "password": places.airflow_password}
            token = _json(client.post("/auth/token", json=account))["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            runs = f"/api/v2/dags/{dag_id}/dagRuns"
            run_id = _json(client.post(runs, json={"logical_date": None, "note": "started by the demo"}))["dag_run_id"]
            _wait(client, f"{runs}/{run_id}", dag_id, f"{places.airflow}/dags/{dag_id}/runs/{run_id}")
    except httpx.HTTPError as error:
        raise NotUpError(f"Airflow does not answer ({error})") from error


def _wait(client: httpx.Client, path: str, dag_id: str, page: str) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while (state := _json(client.get(path))["state"]) != "success":
        if state == "failed":
            raise RunFailedError(dag_id, page)
        if time.monotonic() > deadline:
            raise StalledError(f"waiting for {dag_id}", RUN_SECONDS, page)
        time.sleep(POLL_SECONDS)


def _json(answer: httpx.Response) -> Any:
    if answer.is_error:
        request = f"{answer.request.method} {answer.request.url.path}"
        raise RequestRefusedError(request, answer.status_code, answer.text)
    return answer.json()
