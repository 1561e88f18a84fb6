"""Makes a started platform usable through Airflow's REST API: pools, ``platform_setup``, then the other DAGs awake.

DAGs are created paused here. Awake from the first second, they would fail on tables and topics that do not exist yet.
"""

import json
from pathlib import Path

import httpx

from platform_start.account import AirflowAccount
from platform_start.api import AirflowApi, Patience
from platform_start.errors import SetupFailedError

DAG_ID = "platform_setup"
# In the form of `airflow pools import`; beside the folder of the DAGs, here and in the image.
POOLS = ("include", "photo_pipeline", "orchestration", "pools.json")
# No photo needs the dashboards: Kibana, slow or away, decides neither whether uploads work nor when.
NOT_WAITED_FOR = frozenset({"import_dashboards"})
ENDED_BADLY = frozenset({"failed", "upstream_failed", "skipped", "removed"})


class PlatformSetup:
    """One run of ``platform_setup`` and the waking of the DAGs.

    Args:
        client: Speaks to Airflow's API.
        account: Its administrator.
        run_id: Names the run; another one at each start.
        patience: How long to wait.
    """

    def __init__(
        self, client: httpx.Client, account: AirflowAccount, run_id: str, patience: Patience | None = None
    ) -> None:
        self._patience = patience or Patience()
        self._api = AirflowApi(client, self._patience)
        self._account = account
        self._run_id = run_id

    def run(self, dags_folder: Path, woken: Path) -> set[str]:
        """Run ``platform_setup``, wait for what uploads need of it, and wake every DAG that was not woken before.

        Args:
            dags_folder: One file per DAG, named like it.
            woken: Remembers the DAGs that were woken, so that one paused by hand stays paused.

        Returns:
            The tasks that nobody waits for and that were not done yet; the run goes on with them.

        Raises:
            SetupFailedError: A DAG is not known to Airflow, or the run failed; says where to look.
        """
        dag_ids = {path.stem for path in dags_folder.glob("*.py")} | {DAG_ID}
        try:
            self._api.log_in(self._account)
            self._make_pools(dags_folder.parent.joinpath(*POOLS))
            self._wait_for_dags({DAG_ID})
            self._wake({DAG_ID})
            self._trigger()
            left = self._wait_for_success()
            self._wait_for_dags(dag_ids)
            known = set(json.loads(woken.read_text())) if woken.exists() else set()
            self._wake(dag_ids - known)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise SetupFailedError(f"Airflow's API did not do as expected during {DAG_ID}: {error!r}") from error
        woken.write_text(json.dumps(sorted(dag_ids | known)))
        return left

    def _make_pools(self, file: Path) -> None:
        """Make the pools that are missing: a task whose pool does not exist is never scheduled.

        One whose slots somebody has changed keeps them.
        """
        for name, pool in json.loads(file.read_text()).items():
            self._api.ensure("POST", "/api/v2/pools", json={"name": name, **pool})

    def _wait_for_dags(self, dag_ids: set[str]) -> None:
        missing = dag_ids
        for _ in self._patience.polls(self._patience.dags):
            dags = self._api.call("GET", "/api/v2/dags", params={"limit": 100, "exclude_stale": True})["dags"]
            missing = dag_ids - {dag["dag_id"] for dag in dags}
            if not missing:
                return
            errors = self._api.call("GET", "/api/v2/importErrors")["import_errors"]
            if errors:
                lines = errors[0]["stack_trace"].strip().splitlines() or ["no reason given"]
                raise SetupFailedError(f"Airflow cannot import {errors[0]['filename']}: {lines[-1]}")
        names = ", ".join(sorted(missing))
        raise SetupFailedError(f"Airflow does not know {names} after {self._patience.dags:.0f} s; is it in dags/?")

    def _wake(self, dag_ids: set[str]) -> None:
        """Airflow watches an asset once it has read the file of a DAG that is awake: it is asked to do that now."""
        for dag_id in sorted(dag_ids):
            dag = self._api.call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})
            self._api.ensure("PUT", f"/api/v2/parseDagFile/{dag['file_token']}")

    def _trigger(self) -> None:
        body = {"dag_run_id": self._run_id, "logical_date": None, "note": "the last step of a start"}
        self._api.ensure("POST", f"/api/v2/dags/{DAG_ID}/dagRuns", json=body)

    def _wait_for_success(self) -> set[str]:
        """Wait for every task but those that no photo needs; these are returned where they are not done."""
        states: dict[str, str | None] = {}
        for _ in self._patience.polls(self._patience.run):
            states = self._states()
            needed = {state for task, state in states.items() if task not in NOT_WAITED_FOR}
            if needed == {"success"}:
                return {task for task in NOT_WAITED_FOR & states.keys() if states[task] not in {"success", "skipped"}}
            if needed & ENDED_BADLY:
                break
        raise SetupFailedError(self._what_is_wrong(states))

    def _states(self) -> dict[str, str | None]:
        answer = self._api.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{self._run_id}/taskInstances")
        return {task["task_id"]: task["state"] for task in answer["task_instances"]}

    def _what_is_wrong(self, states: dict[str, str | None]) -> str:
        bad = sorted(task for task, state in states.items() if state in ENDED_BADLY and task not in NOT_WAITED_FOR)
        said = f"failed in {', '.join(bad)}" if bad else f"is still running after {self._patience.run:.0f} s"
        where = f"{self._account.airflow_url}/dags/{DAG_ID}/runs/{self._run_id}"
        return f"{DAG_ID} {said}: look at {where} (user {self._account.airflow_user})"
