"""Airflow's REST API: start a DAG and wait for its end, or wait for quiet."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from local_stack.demo.errors import NotUpError, RequestRefusedError, RunFailedError, StalledError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_stack.demo.places import Places

REQUEST_SECONDS = 30.0
RUN_SECONDS = 180.0
POLL_SECONDS = 0.5
ACTIVE = (("state", "queued"), ("state", "running"), ("limit", 1))


def run_dag(places: Places, dag_id: str) -> None:
    """Start a run of the DAG and wait until it has succeeded.

    Raises:
        RunFailedError: It failed.
        StalledError: It did not end in time.
        NotUpError, RequestRefusedError: Airflow does not answer, or not as expected.
    """
    with _logged_in(places) as client:
        runs = f"/api/v2/dags/{dag_id}/dagRuns"
        run_id = _json(client.post(runs, json={"logical_date": None, "note": "started by the demo"}))["dag_run_id"]
        page = f"{places.airflow}/dags/{dag_id}/runs/{run_id}"
        for _ in _polls(f"waiting for {dag_id}", page):
            state = _json(client.get(f"{runs}/{run_id}"))["state"]
            if state == "success":
                return
            if state == "failed":
                raise RunFailedError(dag_id, page)


def wait_until_idle(places: Places, dag_id: str) -> None:
    """Wait until no run of the DAG is queued or running.

    Raises:
        StalledError: There still is one after a long time.
        NotUpError, RequestRefusedError: Airflow does not answer, or not as expected.
    """
    with _logged_in(places) as client:
        for _ in _polls(f"waiting for {dag_id} to be idle", f"{places.airflow}/dags/{dag_id}"):
            if _json(client.get(f"/api/v2/dags/{dag_id}/dagRuns", params=ACTIVE))["total_entries"] == 0:
                return


@contextmanager
def _logged_in(places: Places) -> Iterator[httpx.Client]:
    try:
        with httpx.Client(base_url=places.airflow, timeout=REQUEST_SECONDS, trust_env=False) as client:
            account = {"username": places.airflow_user, "password": places.airflow_password}
            token = _json(client.post("/auth/token", json=account))["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    except httpx.HTTPError as error:
        raise NotUpError(f"Airflow does not answer ({error})") from error


def _polls(waited_for: str, look: str) -> Iterator[None]:
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(POLL_SECONDS)
    raise StalledError(waited_for, RUN_SECONDS, look)


def _json(answer: httpx.Response) -> Any:
    if answer.is_error:
        request = f"{answer.request.method} {answer.request.url.path}"
        raise RequestRefusedError(request, answer.status_code, answer.text)
    return answer.json()
