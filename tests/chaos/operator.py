"""What an operator's day brings: retention, reconciliation and reprocessing run again and again while servers die."""

import threading
import time
from collections import Counter
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import cycle
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from local_stack import Endpoints

PAUSE_SECONDS = 25.0
REQUEST_SECONDS = 60.0
TRIES = 5
ENDED = ("success", "failed")
DAGS = ("photo_archive_retention", "photo_reconcile", "photo_reprocess")


class AirflowClient:
    """Airflow's REST API, as the administrator."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._http = httpx.Client(base_url=endpoints.airflow_url, timeout=REQUEST_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        """Log in."""
        account = {"username": self._endpoints.airflow_user, "password": self._endpoints.airflow_password}
        token = self._answer("POST", "/auth/token", json=account).raise_for_status().json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._http.close()

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run; its id. One that was started by a request whose answer came too late is not started twice."""
        run_id = f"chaos-{uuid4()}"
        body = {"dag_run_id": run_id, "logical_date": None, "note": "chaos", "conf": conf or {}}
        answer = self._answer("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        if answer.status_code != HTTPStatus.CONFLICT:
            answer.raise_for_status()
        return run_id

    def wait(self, dag_id: str, run_id: str, deadline: float) -> str:
        """Wait for a run's end; its last state."""
        state = ""
        while state not in ENDED and time.monotonic() < deadline:
            time.sleep(2)
            state = self._answer("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").raise_for_status().json()["state"]
        return state

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Airflow is late on a busy machine, which is no finding: it is asked again."""
        for _ in range(TRIES - 1):
            try:
                return self._http.request(method, path, **options)
            except httpx.ReadTimeout:
                continue
        return self._http.request(method, path, **options)


class Operator:
    """Triggers one DAG after the other until the block ends.

    Args:
        endpoints: where Airflow is.
        works: whether it does.
    """

    def __init__(self, endpoints: Endpoints, works: bool) -> None:  # noqa: FBT001 - a plan's own field
        self.endpoints = endpoints
        self._works = works
        self._began = datetime.now(UTC)
        self._runs: list[tuple[str, str]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-operator")

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Trigger nothing any more."""
        self._over.set()
        self._thread.join()

    def ended(self, deadline: float) -> Counter[tuple[str, str]]:
        """Wait for all runs; how many of each DAG ended in which state."""
        with AirflowClient(self.endpoints) as airflow:
            return Counter((dag_id, airflow.wait(dag_id, run_id, deadline)) for dag_id, run_id in self._runs)

    def _run(self) -> None:
        for dag_id in cycle(DAGS if self._works else ()):
            if self._over.wait(PAUSE_SECONDS):
                return
            try:
                with AirflowClient(self.endpoints) as airflow:
                    self._runs.append((dag_id, airflow.trigger(dag_id, self._conf(dag_id))))
            except httpx.HTTPError:  # Airflow's API server is dead, too, now and then
                continue

    def _conf(self, dag_id: str) -> dict[str, Any]:
        """Every photo of this run so far."""
        if dag_id != "photo_reprocess":
            return {}
        return {"from": self._began.isoformat(), "to": datetime.now(UTC).isoformat()}
