"""The set-up after the start, against a stand-in for Airflow's REST API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from platform_start.account import AirflowAccount
from platform_start.api import Patience
from platform_start.errors import SetupFailedError
from platform_start.setup import PlatformSetup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMPATIENT = Patience(answer=0.05, dags=0.05, run=0.05, poll=0.01)
ACCOUNT = AirflowAccount("http://airflow", "admin", "secret")
RUN = "/api/v2/dags/platform_setup/dagRuns/run-1/taskInstances"


@dataclass
class FakeAirflow:
    """Answers like Airflow's API.

    ``run_states`` of the task that everybody needs are told one after the other; ``dashboards`` is the state of the one
    that nobody needs. The first ``slow`` answers are none, though what was asked is done.
    """

    dags: list[str]
    run_states: list[str]
    dashboards: str = "success"
    slow: int = 0
    runs: list[str] = field(default_factory=list)
    import_errors: list[dict[str, str]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        path = request.url.path
        self.calls.append((request.method, path))
        if path != "/auth/token":
            assert request.headers["Authorization"] == "Bearer t"
        answer = self._take(request)
        if self.slow and path != "/auth/token":
            self.slow -= 1
            raise httpx.ReadTimeout("no answer within 30 s", request=request)
        return answer

    def _take(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v2/pools":
            return self._take_pool(json.loads(request.content))
        if request.method == "PUT":
            return self._take_file(request.url.path)
        if request.url.path.endswith("/dagRuns"):
            return self._take_run(json.loads(request.content)["dag_run_id"])
        return httpx.Response(200, json=self._answer(request.method, request.url.path))

    def _take_run(self, run_id: str) -> httpx.Response:
        if run_id in self.runs:
            return httpx.Response(409, json={"detail": "it exists"})
        self.runs.append(run_id)
        return httpx.Response(200, json={"dag_run_id": run_id})

    def _take_pool(self, pool: dict[str, Any]) -> httpx.Response:
        if pool["name"] in self.pools:
            return httpx.Response(409, json={"detail": "it exists"})
        self.pools.append(pool["name"])
        return httpx.Response(201, json=pool)

    def _take_file(self, path: str) -> httpx.Response:
        """One that is asked for and was not read yet is a conflict."""
        is_asked_for = self.calls.count(("PUT", path)) > 1
        return httpx.Response(409, json={"detail": "it exists"}) if is_asked_for else httpx.Response(201, json=None)

    def _answer(self, method: str, path: str) -> dict[str, Any]:
        if path == "/auth/token":
            return {"access_token": "t"}
        if path == "/api/v2/dags":
            return {"dags": [{"dag_id": dag} for dag in self.dags]}
        if path == "/api/v2/importErrors":
            return {"import_errors": self.import_errors}
        if method == "GET":
            state = self.run_states.pop(0) if len(self.run_states) > 1 else self.run_states[0]
            tasks = {"migrate_database": state, "ensure_topics": "success", "import_dashboards": self.dashboards}
            return {"task_instances": [{"task_id": task, "state": each} for task, each in tasks.items()]}
        return {"file_token": f"file-of-{path.rsplit('/', 1)[1]}"}

    @property
    def woken(self) -> list[str]:
        """The DAGs that were unpaused, in order."""
        return [path.rsplit("/", 1)[1] for method, path in self.calls if method == "PATCH"]


@pytest.fixture
def run(tmp_path: Path) -> Callable[[FakeAirflow], Path]:
    """Give a way to run the set-up; returns the file that remembers the woken DAGs."""
    dags = tmp_path / "dags"
    dags.mkdir(exist_ok=True)
    for name in ("platform_setup", "photo_ingest", "photo_bi_sync"):
        (dags / f"{name}.py").touch()
    pools = tmp_path / "include" / "photo_pipeline" / "orchestration" / "pools.json"
    pools.parent.mkdir(parents=True, exist_ok=True)
    pools.write_text('{"photo_hdfs": {"slots": 24, "description": "writers", "include_deferred": false}}')

    def go(airflow: FakeAirflow) -> Path:
        with httpx.Client(transport=httpx.MockTransport(airflow), base_url="http://airflow") as client:
            PlatformSetup(client, ACCOUNT, "run-1", IMPATIENT).run(dags, tmp_path / "woken.json")
        return tmp_path / "woken.json"

    return go


ALL = ["platform_setup", "photo_ingest", "photo_bi_sync"]


def test_other_dags_sleep_until_the_platform_is_set_up(run: Callable[[FakeAirflow], Path]) -> None:
    """Awake before, they would fail on tables that do not exist yet."""
    airflow = FakeAirflow(ALL, ["queued", "running", "success"])
    run(airflow)
    last_look = max(index for index, (_, path) in enumerate(airflow.calls) if path == RUN)
    woken_at = {path.rsplit("/", 1)[1]: i for i, (method, path) in enumerate(airflow.calls) if method == "PATCH"}
    assert min(woken_at["photo_ingest"], woken_at["photo_bi_sync"]) > last_look


def test_a_dag_that_is_woken_is_read_at_once(run: Callable[[FakeAirflow], Path]) -> None:
    """Airflow watches no asset before: photos would wait for the next look at the file, up to half a minute."""
    airflow = FakeAirflow(ALL, ["success"])
    run(airflow)
    for dag_id in ALL:
        woken = airflow.calls.index(("PATCH", f"/api/v2/dags/{dag_id}"))
        assert airflow.calls.index(("PUT", f"/api/v2/parseDagFile/file-of-{dag_id}")) > woken


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
        SetupFailedError,
        match=r"platform_setup failed in migrate_database: look at http://.*/dags/platform_setup/runs/run-1",
    ):
        run(airflow)
    assert airflow.woken == ["platform_setup"]


def test_a_run_without_an_end_is_given_up(run: Callable[[FakeAirflow], Path]) -> None:
    """The message says how long it was waited for."""
    with pytest.raises(SetupFailedError, match="is still running"):
        run(FakeAirflow(ALL, ["running"]))


@pytest.mark.parametrize("state", ["running", "up_for_retry", "failed"])
def test_dashboards_hold_nobody_up(run: Callable[[FakeAirflow], Path], state: str) -> None:
    """Kibana, slow or away, decides neither whether the DAGs are woken and uploads begin, nor when."""
    airflow = FakeAirflow(ALL, ["running", "success"], dashboards=state)
    run(airflow)
    assert set(airflow.woken) == set(ALL)


@pytest.mark.parametrize("slow", range(1, 8))
def test_slow_answers_are_asked_for_again(run: Callable[[FakeAirflow], Path], slow: int) -> None:
    """Each request that is not answered in time is sent again, and makes no second run where the first had arrived."""
    airflow = FakeAirflow(ALL, ["success"], slow=slow)
    patience = Patience(answer=1, dags=1, run=1, poll=0)
    with httpx.Client(transport=httpx.MockTransport(airflow), base_url="http://airflow") as client:
        tmp = run(FakeAirflow(ALL, ["success"]))
        PlatformSetup(client, ACCOUNT, "run-1", patience).run(tmp.parent / "dags", tmp)
    assert airflow.slow == 0
    assert airflow.runs == ["run-1"]


def test_tasks_that_somebody_marked_as_done_for_are_no_success(run: Callable[[FakeAirflow], Path]) -> None:
    """A run that is set to failed by hand leaves its tasks skipped."""
    with pytest.raises(SetupFailedError, match="failed in migrate_database"):
        run(FakeAirflow(ALL, ["skipped"]))


def test_a_file_that_does_not_import_is_named(run: Callable[[FakeAirflow], Path]) -> None:
    """With the last line of its traceback, at once."""
    error = {"filename": "photo_ingest.py", "stack_trace": "Traceback\n  ...\nNameError: x\n"}
    with pytest.raises(SetupFailedError, match=r"photo_ingest\.py: NameError: x"):
        run(FakeAirflow(["platform_setup"], ["success"], import_errors=[error]))


def test_a_dag_that_airflow_never_sees_is_named(run: Callable[[FakeAirflow], Path]) -> None:
    """A file without a DAG of its name breaks the rule that file name and dag_id agree."""
    with pytest.raises(SetupFailedError, match="photo_bi_sync, photo_ingest"):
        run(FakeAirflow(["platform_setup"], ["success"]))


def test_an_api_that_refuses_is_one_line(run: Callable[[FakeAirflow], Path]) -> None:
    """An HTTP error is no traceback, neither one that passes nor one that stays."""
    for status in (500, 403):
        with pytest.raises(SetupFailedError, match=str(status)):
            run(lambda _, status=status: httpx.Response(status))  # type: ignore[arg-type] # any handler will do
