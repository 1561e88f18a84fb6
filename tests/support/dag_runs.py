"""Real DAG runs, one at a time, on a pipeline of a test's own: Airflow's ``dags test`` in a process of its own."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import make_url
from tests.support.pipeline import Pipeline
from tests.support.search import Search
from tests.support.turns import one_at_a_time
from tests.support.warm_airflow import RUN_SECONDS, WarmAirflow

from local_stack.credentials import Credentials
from photo_pipeline.settings import DatabaseSettings

REPOSITORY = Path(__file__).resolve().parents[2]
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
METADATA = "airflow.db"


@dataclass(frozen=True, slots=True)
class DagRun:
    """What became of a run."""

    succeeded: bool
    log: str


@dataclass(frozen=True, slots=True)
class DagRuns:
    """Airflow with a home and a metadata database of its own, whose connections lead to one pipeline."""

    home: Path
    airflow: WarmAirflow
    pipeline: Pipeline
    search: Search
    dags_folder: Path = REPOSITORY / "dags"

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> DagRun:
        """One run of a DAG, with its params."""
        arguments = ["dags", "test", dag_id]
        if conf is not None:
            arguments += ["--conf", json.dumps(conf)]
        log = self.home / "run.log"
        code = self.airflow.run(self._environment(), log, *arguments)
        return DagRun(code == 0, log.read_text())

    def told(self, dag_id: str) -> dict[str, dict[str, Any]]:
        """What the tasks of a DAG's newest events have told, by the asset."""
        newest = (
            "SELECT a.name, e.extra FROM asset_event e JOIN asset a ON a.id = e.asset_id "
            "WHERE e.source_dag_id = ? ORDER BY e.id"
        )
        with closing(sqlite3.connect(self.home / METADATA)) as metadata:
            return {name: json.loads(extra) for name, extra in metadata.execute(newest, [dag_id])}

    def _environment(self) -> dict[str, str]:
        settings, topics = self.pipeline.settings, self.pipeline.settings.topics
        return {
            **airflow_environment(self.home),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([self._bundle()]),
            "PHOTO_TOPIC_UPLOADED": topics.uploaded,
            "PHOTO_TOPIC_STREAMED": topics.streamed,
            "PHOTO_TOPIC_PROCESSED": topics.processed,
            "PHOTO_TOPIC_REJECTED": topics.rejected,
            "PHOTO_KAFKA_PARTITIONS": str(settings.kafka.partitions),
            "PHOTO_HDFS_ROOT": settings.hdfs.root,
            "PHOTO_ELASTICSEARCH_ALIAS": self.search.alias,
            "PHOTO_ERASURE_KEY_FILE": str(Credentials(self.home).erasure_key_file()),
            **{f"AIRFLOW_CONN_PHOTO_{name}": json.dumps(value) for name, value in self._connections().items()},
        }

    def _bundle(self) -> dict[str, Any]:
        return {"name": "dags", "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(self.dags_folder)}}

    def _connections(self) -> dict[str, dict[str, Any]]:
        settings = self.pipeline.settings
        search = self.search.sync_settings
        url = make_url(search.url)
        webhdfs = urlsplit(self.pipeline.webhdfs_url)
        return {
            "KAFKA": {"conn_type": "kafka", "extra": {"bootstrap.servers": settings.kafka.bootstrap_servers}},
            "POSTGRES": _postgres(self.pipeline.database.pipeline),
            "POSTGRES_BI": _postgres(self.pipeline.database.bi),
            "HDFS": {
                "conn_type": "webhdfs",
                "host": webhdfs.hostname,
                "port": webhdfs.port,
                "login": self.pipeline.hdfs_user,
                "extra": {"namenode": settings.hdfs.namenode},
            },
            "ELASTICSEARCH": {
                "conn_type": "elasticsearch",
                "host": url.host,
                "port": url.port,
                "login": search.user,
                "password": search.password.get_secret_value(),
                "schema": "http",
            },
        }


@contextmanager
def warm_airflow(home: Path, kept: Path) -> Iterator[WarmAirflow]:
    """Give Airflow, with a metadata database that is a copy of one that stays for the next session.

    Args:
        home: Airflow's.
        kept: the folder of the database to copy, which is made where it is not there.
    """
    _make_metadata(home, kept)
    with WarmAirflow(airflow_environment(home), home / "warm.log") as airflow:
        yield airflow


def _make_metadata(home: Path, kept: Path) -> None:
    original = kept / f"airflow-{_packages()}.db"
    with one_at_a_time(kept / "airflow.lock"):
        if not original.exists():
            _airflow(airflow_environment(home), "db", "migrate").check_returncode()
            shutil.copy(home / METADATA, unfinished := kept / "airflow-unfinished.db")
            unfinished.rename(original)
    shutil.copy(original, home / METADATA)


def _packages() -> str:
    """Which Airflow and providers there are: others make another database."""
    return sha256((REPOSITORY / "requirements.txt").read_bytes()).hexdigest()[:16]


def _airflow(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "airflow", *arguments]
    return subprocess.run(  # noqa: S603 - built from this module's constants and its tests' arguments
        command, env=environment, text=True, capture_output=True, timeout=RUN_SECONDS, check=False
    )


def airflow_environment(home: Path) -> dict[str, str]:
    """What makes it work in that home, on this repository's DAGs."""
    options = {
        "CORE__DAGS_FOLDER": REPOSITORY / "dags",
        "CORE__PLUGINS_FOLDER": REPOSITORY / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/{METADATA}",
    }
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(REPOSITORY / "include"),
        **{f"AIRFLOW__{name}": str(value) for name, value in options.items()},
    }


def _postgres(settings: DatabaseSettings) -> dict[str, Any]:
    url = make_url(settings.url.get_secret_value())
    return {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
    }
