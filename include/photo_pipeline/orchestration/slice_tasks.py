"""Which of Airflow's tasks worked on a slice: where its log is, who ran it and when."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import Select, select
from sqlalchemy.exc import SQLAlchemyError

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.ways import TaskPlace

DAG, TASK = "photo_ingest", "process_slice"


class AirflowSliceTasks:
    """The ``SliceTasks`` port on Airflow's own database."""

    def of_slice(self, run_id: str, slice_id: int) -> TaskPlace | None:
        """See the port. A run has a task for each of its few slices; what each returned says which it was."""
        try:
            with create_session() as session:
                returned = session.execute(_returned(run_id)).all()
                numbers = [row.map_index for row in returned if slice_in(row.value) == slice_id]
                task = session.execute(_task(run_id, numbers[0])).first() if numbers else None
        except SQLAlchemyError as error:
            raise ServerUnavailableError("Airflow's database", str(error).partition("\n")[0]) from error
        if task is None:
            return None
        path = (
            f"/dags/{DAG}/runs/{quote(run_id, safe='')}/tasks/{TASK}/mapped/{numbers[0]}?try_number={task.try_number}"
        )
        return TaskPlace(
            path, task.hostname or "a worker without a name", task.try_number, task.start_date, task.end_date
        )


def slice_in(value: object) -> int | None:
    """The slice that a task said it has committed, in what it returned."""
    said = json.loads(value) if isinstance(value, str) else value
    slice_id = said.get("slice_id") if isinstance(said, dict) else None
    return slice_id if isinstance(slice_id, int) else None


def _returned(run_id: str) -> Select[Any]:
    return select(XComModel.map_index, XComModel.value).where(
        XComModel.dag_id == DAG,
        XComModel.task_id == TASK,
        XComModel.run_id == run_id,
        XComModel.key == "return_value",
    )


def _task(run_id: str, map_index: int) -> "Select[int, str | None, datetime | None, datetime | None]":
    columns = (TaskInstance.try_number, TaskInstance.hostname, TaskInstance.start_date, TaskInstance.end_date)
    return select(*columns).where(
        TaskInstance.dag_id == DAG,
        TaskInstance.task_id == TASK,
        TaskInstance.run_id == run_id,
        TaskInstance.map_index == map_index,
    )
