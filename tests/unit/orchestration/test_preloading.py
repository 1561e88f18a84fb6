"""What the scheduler loads before it forks: all packages that the tasks of every day want, and nothing of ours."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
OF_EVERY_DAY = ("ingest", "bi_sync", "tally", "retention", "reconcile", "notices", "logs", "holds")
LOAD = """
import importlib, json, sys, threading
import airflow.jobs.scheduler_job_runner, airflow.executors.local_executor
from airflow.jobs.job import Job
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker, get_listener_manager

def tops(modules):
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names

if sys.argv[1] == "job":
    Job()
else:
    get_listener_manager().hook.on_starting(component=TaskRunnerMarker())
before, ours = set(sys.modules), "photo_pipeline.adapters" in sys.modules
for name in sys.argv[2:]:
    importlib.import_module(f"photo_pipeline.orchestration.{name}_tasks")
json.dump([sorted(tops(set(sys.modules) - before)), ours, threading.active_count()], sys.stdout)
"""


def printed(tmp_path: Path, *arguments: str) -> str:
    """What a program says last, in a new process with Airflow as it is here."""
    environment = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "PYTHONPATH": str(REPOSITORY / "include"),
        "PATH": "/usr/bin:/bin",
    }
    command = [sys.executable, "-c", *arguments]
    done = subprocess.run(  # noqa: S603 - this interpreter
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


def loaded(tmp_path: Path, component: str) -> tuple[list[str], bool, int]:
    """What a process lacks of what tasks want once Airflow has told it to start, whether it has ours, its threads."""
    lacking, ours, threads = json.loads(printed(tmp_path, LOAD, component, *OF_EVERY_DAY))
    return lacking, ours, threads


def test_a_scheduler_has_what_tasks_want_before_it_forks(tmp_path: Path) -> None:
    """A task finds every package; ours it loads itself. No thread is there, which a child of a fork would not have."""
    assert loaded(tmp_path, "job") == (["photo_pipeline"], False, 1)


def test_a_task_loads_nothing_beforehand(tmp_path: Path) -> None:
    """What it does not want costs it nothing."""
    lacking, ours, _ = loaded(tmp_path, "task")
    assert {"elasticsearch", "confluent_kafka", "psycopg"} <= set(lacking)
    assert not ours


def test_naming_assets_loads_no_provider(tmp_path: Path) -> None:
    """Whoever reads a DAG, as each task does, would load boto3 and all else that may know a scheme."""
    program = "import sys, photo_pipeline.orchestration.assets; print('boto3' in sys.modules)"
    assert printed(tmp_path, program) == "False"
