"""What the Photos page gets from Airflow: log-in, permissions, connections, and how the DAGs are.

Imported by the API server when somebody opens the page, by nothing before.
"""

from collections.abc import Sequence
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel, DagTag
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
from fastapi import FastAPI
from sqlalchemy import Select, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from photo_pipeline.composition.photos_page import PageAirflow, page_sources
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.photos_page import DagState
from photo_pipeline.operations.page import Access, Sources, photos_app
from photo_pipeline.orchestration.connections import (
    POSTGRES,
    POSTGRES_BI,
    database_settings,
    kafka_settings,
    search_access,
)
from photo_pipeline.orchestration.defaults import TAGS
from photo_pipeline.orchestration.slice_tasks import AirflowSliceTasks

READ_DAG = "photo_ingest"
"""Whoever may see this DAG may see the page."""
ACT_DAG, HOLD_DAG, ERASE_DAG = "photo_reprocess", "photo_hold", "photo_erase"
"""Whoever may start these DAGs gets the buttons; Airflow checks again when one is started."""


def make_app(prefix: str) -> FastAPI:
    """The page for Airflow's API server, mounted there under ``prefix``."""
    access = Access(
        reader=requires_access_dag(method="GET", param_dag_id=READ_DAG),
        may_reprocess=_may_reprocess,
        may_hold=_may_hold,
        may_erase=_may_erase,
        login_url=lambda address: str(get_auth_manager().get_url_login(next_url=address)),
    )
    return photos_app(_sources, access, prefix)


class AirflowDags:
    """The ``Dags`` port on Airflow's own database."""

    def states(self) -> Sequence[DagState]:
        """See the port."""
        known = (
            select(DagModel.dag_id, DagModel.is_paused)
            .join(DagTag, DagTag.dag_id == DagModel.dag_id)
            .where(DagTag.name.in_(TAGS), DagModel.is_stale.is_(False))
            .order_by(DagModel.dag_id)
        )
        try:
            with create_session() as session:
                rows = session.execute(known).all()
                return [_state(session, row.dag_id, row.is_paused) for row in rows]
        except SQLAlchemyError as error:
            raise ServerUnavailableError("Airflow's database", str(error).partition("\n")[0]) from error


def _may_reprocess(user: GetUserDep) -> bool:
    return _may_start(ACT_DAG, user)


def _may_hold(user: GetUserDep) -> bool:
    return _may_start(HOLD_DAG, user)


def _may_erase(user: GetUserDep) -> bool:
    return _may_start(ERASE_DAG, user)


def _may_start(dag_id: str, user: GetUserDep) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )


def _sources() -> Sources:
    """The servers by Airflow's connections."""
    airflow = PageAirflow(AirflowDags(), AirflowSliceTasks())
    views, names = database_settings(POSTGRES_BI), database_settings(POSTGRES)
    return page_sources(views, names, kafka_settings(), search_access(), airflow)


def _last(dag_id: str) -> Select[Any]:
    ended = select(DagRun.state, DagRun.run_id, DagRun.end_date).where(
        DagRun.dag_id == dag_id, DagRun.state.in_(("success", "failed"))
    )
    return ended.order_by(DagRun.run_after.desc()).limit(1)


def _state(session: Session, dag_id: str, paused: bool | None) -> DagState:  # noqa: FBT001 - a row's column
    last = session.execute(_last(dag_id)).first()
    if last is None:
        return DagState(dag_id, bool(paused), None, None, None)
    # Whoever starts a run by hand sees how it ends; a mistake in a form is no failure of the platform's.
    own = session.execute(_last(dag_id).where(DagRun.run_type != DagRunType.MANUAL)).first()
    failed = own is not None and str(own.state) == "failed"
    return DagState(dag_id, bool(paused), str(last.state), last.run_id, last.end_date, failed)
