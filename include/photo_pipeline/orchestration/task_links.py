"""Where the links of the platform's tasks lead, found by the API server when somebody looks at a task."""

from airflow.models.xcom import XComModel
from airflow.sdk.types import TaskInstanceKey
from airflow.utils.session import create_session

from photo_pipeline.orchestration.slice_tasks import DAG, TASK, slice_in
from photo_pipeline.settings import PageSettings

OURS = "photo_"
"""Every DAG of the platform that moves photos is named so."""


def slice_of(ti_key: TaskInstanceKey) -> int | None:
    """The slice that a task of ``photo_ingest`` says it has committed."""
    if ti_key.dag_id != DAG or ti_key.task_id != TASK:
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
    return None if found is None else slice_in(found.value)


def gallery_for(ti_key: TaskInstanceKey) -> str:
    """The gallery's address."""
    return PageSettings().gallery_url if ti_key.dag_id.startswith(OURS) else ""


def dashboards_for(ti_key: TaskInstanceKey) -> str:
    """The dashboards' address."""
    return PageSettings().dashboard_url if ti_key.dag_id.startswith(OURS) else ""
