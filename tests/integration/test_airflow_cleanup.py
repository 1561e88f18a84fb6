"""``photo_airflow_cleanup`` in a real Airflow: old rows and logs go, young ones stay."""

import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.dag_runs import METADATA, airflow_environment
from tests.support.warm_airflow import WarmAirflow

from photo_pipeline.adapters.airflow_remains import AirflowCommand
from photo_pipeline.domain.errors import CleanupFailedError

DAY = 86_400
OLD, YOUNG = "old", "young"


@pytest.fixture
def home(airflow_home: Path, airflow: WarmAirflow) -> Path:
    """Airflow's, with two rows and two logs."""
    assert airflow
    with closing(sqlite3.connect(airflow_home / METADATA)) as database, database:
        for event, age in ((OLD, 40), (YOUNG, 20)):
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - age * DAY))
            database.execute("INSERT INTO log (dttm, event) VALUES (?, ?)", (at, event))
    for name, age in ((OLD, 40), (YOUNG, 20)):
        log = airflow_home / "logs" / f"dag_id={name}" / "run_id=1" / "attempt=1.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("what a task said")
        written = time.time() - age * DAY
        for path in (log, log.parent, log.parent.parent):
            os.utime(path, (written, written))
    return airflow_home


def run(airflow: WarmAirflow, home: Path, address: str) -> tuple[int, str]:
    """One run, and what it said."""
    log = home / "cleanup.log"
    environment = airflow_environment(home) | {"PHOTO_AIRFLOW_METADATA_URL": address}
    code = airflow.run(environment, log, "dags", "test", "photo_airflow_cleanup")
    return code, log.read_text()


def test_what_is_old_goes(home: Path, airflow: WarmAirflow) -> None:
    """Thirty days are kept unless somebody has set it otherwise."""
    address = airflow_environment(home)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    code, said = run(airflow, home, address)
    assert code == 0, said
    with closing(sqlite3.connect(home / METADATA)) as database:
        events = {event for (event,) in database.execute("SELECT event FROM log")}
    assert YOUNG in events
    assert OLD not in events
    logs = {path.parent.parent.name for path in (home / "logs").rglob("attempt=1.log")}
    assert f"dag_id={YOUNG}" in logs
    assert f"dag_id={OLD}" not in logs


def test_what_airflow_says_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is not there is an error in Airflow's own words."""
    monkeypatch.setenv("AIRFLOW_HOME", str(home))
    command = AirflowCommand(SecretStr("sqlite:////nowhere/at/all.db"))
    with pytest.raises(CleanupFailedError, match="unable to open database file"):
        command.clean(datetime.now(UTC))
