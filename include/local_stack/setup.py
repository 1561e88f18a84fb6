"""Makes a started platform usable through Airflow's REST API: pools, ``platform_setup``, then the other DAGs awake.

DAGs are created paused here. Awake from the first second, they would fail on tables and topics that do not exist yet.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from local_stack.errors import SetupFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_stack.endpoints import Endpoints

DAG_ID = "platform_setup"
# In the form of `airflow pools import`; beside the folder of the DAGs, here and in the image.
POOLS = ("include", "photo_pipeline", "orchestration", "pools.json")
REQUEST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds.

    Attributes:
        dags: Until Airflow has read every DAG file.
        run: Until ``platform_setup`` has ended.
        poll: Between two looks.
    """

    dags: float = 90.0
    run: float = 300.0
    poll: float = 0.5


def airflow_client(endpoints: Endpoints) -> httpx.Client:
    """Return a client of Airflow's API; it is not logged in yet."""
    return httpx.Client(base_url=endpoints.airflow_url, timeout=REQUEST_SECONDS)


class PlatformSetup:
    """One run of ``platform_setup`` and the waking of the DAGs.

    Args:
        client: Speaks to Airflow's API.
        endpoints: Its administrator.
        patience: How long to wait.
    """

    def __init__(self, client: httpx.Client, endpoints: Endpoints, patience: Patience | None = None) -> None:
        self._client = client
        self._endpoints = endpoints
        self._patience = patience or Patience()

    def run(self, dags_folder: Path, woken: Path) -> None:
        """Run ``platform_setup``, wait for its success, and wake every DAG that was not woken before.

        Args:
            dags_folder: One file per DAG, named like it.
            woken: Remembers the DAGs that were woken, so that one paused by hand stays paused.

        Raises:
            SetupFailedError: A DAG is not known to Airflow, or the run failed; says where to look.
        """
        dag_ids = {path.stem for path in dags_folder.glob("*.py")} | {DAG_ID}
        try:
            self._log_in()
            self._make_pools(dags_folder.parent.joinpath(*POOLS))
            self._wait_for_dags({DAG_ID})
            self._wake({DAG_ID})
            self._wait_for_success(self._trigger())
            self._wait_for_dags(dag_ids)
            known = set(json.loads(woken.read_text())) if woken.exists() else set()
            self._wake(dag_ids - known)
        except (httpx.HTTPError, KeyError) as error:
            raise SetupFailedError(f"Airflow's API did not do as expected during {DAG_ID}: {error!r}") from error
        woken.write_text(json.dumps(sorted(dag_ids | known)))

    def _log_in(self) -> None:
        account = {"username": self._endpoints.airflow_user, "password": self._endpoints.airflow_password}
        token = _json(self._client.post("/auth/token", json=account))["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def _make_pools(self, file: Path) -> None:
        """Make the pools that are missing: a task whose pool does not exist is never scheduled.

        One whose slots somebody has changed keeps them.
        """
        for name, pool in json.loads(file.read_text()).items():
            answer = self._client.post("/api/v2/pools", json={"name": name, **pool})
            if answer.status_code != httpx.codes.CONFLICT:
                answer.raise_for_status()

    def _wait_for_dags(self, dag_ids: set[str]) -> None:
        missing = dag_ids
        for _ in self._polls(self._patience.dags):
            dags = _json(self._client.get("/api/v2/dags", params={"limit": 100, "exclude_stale": True}))["dags"]
            missing = dag_ids - {dag["dag_id"] for dag in dags}
            if not missing:
                return
            errors = _json(self._client.get("/api/v2/importErrors"))["import_errors"]
            if errors:
                lines = errors[0]["stack_trace"].strip().splitlines() or ["no reason given"]
                raise SetupFailedError(f"Airflow cannot import {errors[0]['filename']}: {lines[-1]}")
        names = ", ".join(sorted(missing))
        raise SetupFailedError(f"Airflow does not know {names} after {self._patience.dags:.0f} s; is it in dags/?")

    def _wake(self, dag_ids: set[str]) -> None:
        for dag_id in sorted(dag_ids):
            _json(self._client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}))

    def _trigger(self) -> str:
        body = {"logical_date": None, "note": "started by make up"}
        return str(_json(self._client.post(f"/api/v2/dags/{DAG_ID}/dagRuns", json=body))["dag_run_id"])

    def _wait_for_success(self, run_id: str) -> None:
        state = ""
        for _ in self._polls(self._patience.run):
            state = _json(self._client.get(f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}"))["state"]
            if state == "success":
                return
            if state == "failed":
                break
        said = "failed" if state == "failed" else f"is still {state} after {self._patience.run:.0f} s"
        where = f"{self._endpoints.airflow_url}/dags/{DAG_ID}/runs/{run_id}"
        raise SetupFailedError(f"{DAG_ID} {said}: look at {where} (user {self._endpoints.airflow_user})")

    def _polls(self, seconds: float) -> Iterator[None]:
        deadline = time.monotonic() + seconds
        yield
        while time.monotonic() < deadline:
            time.sleep(self._patience.poll)
            yield


def _json(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json()
