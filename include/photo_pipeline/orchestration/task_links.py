"""Where the links of the platform's tasks lead, found by the API server when somebody looks at a task."""

import json

from airflow.models.xcom import XComModel
from airflow.sdk.types import TaskInstanceKey
from airflow.utils.session import create_session

from photo_pipeline.settings import PageSettings

OURS = "photo_"
"""Every DAG of the platform that moves photos is named so."""


def slice_of(ti_key: TaskInstanceKey) -> int | None:
    """The slice that a task of ``photo_ingest`` says it has committed."""
    if ti_key.dag_id != "photo_ingest" or ti_key.task_id != "process_slice":
        return None
    summary = XComModel.get_many(
        key="return_value",
        run_id=ti_key.run_id,
        dag_ids=ti_key.dag_id,
        task_ids=ti_key.task_id,
        map_indexes=ti_key.map_index,
    ).with_only_columns(XComModel.value)
    with create_session() as session:
        found = session.execute(summary).first()
    if found is None:
        return None
    value = json.loads(found.value) if isinstance(found.value, str) else found.value
    slice_id = value.get("slice_id") if isinstance(value, dict) else None
    return slice_id if isinstance(slice_id, int) else None


def gallery_for(ti_key: TaskInstanceKey) -> str:
    """The gallery's address."""
    return PageSettings().gallery_url if ti_key.dag_id.startswith(OURS) else ""


def dashboards_for(ti_key: TaskInstanceKey) -> str:
    """The dashboards' address."""
    return PageSettings().dashboard_url if ti_key.dag_id.startswith(OURS) else ""
