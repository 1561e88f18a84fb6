"""The set-up after the start, against a stand-in for Airflow's REST API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local_stack.errors import SetupFailedError
from local_stack.setup import Patience, PlatformSetup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local_stack.services import Context

IMPATIENT = Patience(dags=0.05, run=0.05, poll=0.01)


@dataclass
class FakeAirflow:
    """Answers like Airflow's API; ``run_states`` are told one after the other."""

    dags: list[str]
    run_states: list[str]
    import_errors: list[dict[str, str]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        path = request.url.path
        self.calls.append((request.method, path))
        if path != "/auth/token":
            assert request.headers["Authorization"] == "Bearer t"
        if path == "/api/v2/pools":
            return self._take_pool(json.loads(request.content))
        return httpx.Response(200, json=self._answer(request.method, path))

    def _take_pool(self, pool: dict[str, Any]) -> httpx.Response:
        if pool["name"] in self.pools:
            return httpx.Response(409, json={"detail": "it exists"})
        self.pools.append(pool["name"])
        return httpx.Response(201, json=pool)

    def _answer(self, method: str, path: str) -> dict[str, Any]:
        if path == "/auth/token":
            return {"access_token": "t"}
        if path == "/api/v2/dags":
            return {"dags": [{"dag_id": dag} for dag in self.dags]}
        if path == "/api/v2/importErrors":
            return {"import_errors": self.import_errors}
        if method == "GET":
            return {"state": self.run_states.pop(0) if len(self.run_states) > 1 else self.run_states[0]}
        return {"dag_run_id": "run-1"}

    @property
    def woken(self) -> list[str]:
        """The DAGs that were unpaused, in order."""
        return [path.rsplit("/", 1)[1] for method, path in self.calls if method == "PATCH"]


@pytest.fixture
def run(make_context: Callable[..., Context], tmp_path: Path) -> Callable[[FakeAirflow], Path]:
    """Give a way to run the set-up; returns the file that remembers the woken DAGs."""
    dags = tmp_path / "dags"
    dags.mkdir()
    for name in ("platform_setup", "photo_ingest", "photo_bi_sync"):
        (dags / f"{name}.py").touch()
    pools = tmp_path / "include" / "photo_pipeline" / "orchestration" / "pools.json"
    pools.parent.mkdir(parents=True)
    pools.write_text('{"photo_hdfs": {"slots": 24, "description": "writers", "include_deferred": false}}')

    def go(airflow: FakeAirflow) -> Path:
        with httpx.Client(transport=httpx.MockTransport(airflow), base_url="http://airflow") as client:
            PlatformSetup(client, make_context().endpoints, IMPATIENT).run(dags, tmp_path / "woken.json")
        return tmp_path / "woken.json"

    return go


ALL = ["platform_setup", "photo_ingest", "photo_bi_sync"]


def test_other_dags_sleep_until_the_platform_is_set_up(run: Callable[[FakeAirflow], Path]) -> None:
    """Awake before, they would fail on tables that do not exist yet."""
    airflow = FakeAirflow(ALL, ["queued", "running", "success"])
    run(airflow)
    last_look = max(index for index, (_, path) in enumerate(airflow.calls) if path.endswith("/dagRuns/run-1"))
    woken_at = {path.rsplit("/", 1)[1]: i for i, (method, path) in enumerate(airflow.calls) if method == "PATCH"}
    assert min(woken_at["photo_ingest"], woken_at["photo_bi_sync"]) > last_look


def test_pools_are_there_before_any_task_wants_one(run: Callable[[FakeAirflow], Path]) -> None:
    """A task whose pool does not exist would never run; a pool that exists is left as it is."""
    airflow = FakeAirflow(ALL, ["success"], pools=["another"])
    run(airflow)
    assert airflow.pools == ["another", "photo_hdfs"]
    paths = [path for _, path in airflow.calls]
    assert paths.index("/api/v2/pools") < paths.index("/api/v2/dags/platform_setup/dagRuns")
    run(airflow)
    assert airflow.pools == ["another", "photo_hdfs"]


def test_a_dag_paused_by_hand_stays_paused(run: Callable[[FakeAirflow], Path]) -> None:
    """The second start wakes nothing it has woken before (``platform_setup`` itself has to be awake to run)."""
    woken = run(FakeAirflow(ALL, ["success"]))
    assert sorted(json.loads(woken.read_text())) == sorted(ALL)
    second = FakeAirflow(ALL, ["success"])
    run(second)
    assert second.woken == ["platform_setup"]


def test_a_dag_that_came_with_an_update_is_woken(run: Callable[[FakeAirflow], Path]) -> None:
    """A later start takes care of new files."""
    run(FakeAirflow(ALL, ["success"])).write_text(json.dumps(["platform_setup", "photo_ingest"]))
    later = FakeAirflow(ALL, ["success"])
    run(later)
    assert "photo_bi_sync" in later.woken


def test_a_failed_run_says_where_to_look(run: Callable[[FakeAirflow], Path]) -> None:
    """One line with the run's page; no other DAG is woken."""
    airflow = FakeAirflow(ALL, ["running", "failed"])
    with pytest.raises(
        SetupFailedError, match=r"platform_setup failed: look at http://.*/dags/platform_setup/runs/run-1"
    ):
        run(airflow)
    assert airflow.woken == ["platform_setup"]


def test_a_run_without_an_end_is_given_up(run: Callable[[FakeAirflow], Path]) -> None:
    """The message carries the last state."""
    with pytest.raises(SetupFailedError, match="is still running"):
        run(FakeAirflow(ALL, ["running"]))


def test_a_file_that_does_not_import_is_named(run: Callable[[FakeAirflow], Path]) -> None:
    """With the last line of its traceback, at once."""
    error = {"filename": "photo_ingest.py", "stack_trace": "Traceback\n  ...\nNameError: x\n"}
    with pytest.raises(SetupFailedError, match=r"photo_ingest\.py: NameError: x"):
        run(FakeAirflow(["platform_setup"], ["success"], [error]))


def test_a_dag_that_airflow_never_sees_is_named(run: Callable[[FakeAirflow], Path]) -> None:
    """A file without a DAG of its name breaks the rule that file name and dag_id agree."""
    with pytest.raises(SetupFailedError, match="photo_bi_sync, photo_ingest"):
        run(FakeAirflow(["platform_setup"], ["success"]))


def test_an_api_that_refuses_is_one_line(run: Callable[[FakeAirflow], Path]) -> None:
    """An HTTP error is no traceback."""

    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(500)

    with pytest.raises(SetupFailedError, match="500"):
        run(refuse)  # type: ignore[arg-type]  # any handler will do
