"""Liveness, readiness and metrics of a web application: outside the versioned API."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from photo_pipeline.web.metrics import exposition
from photo_pipeline.web.problems import described, unavailable
from photo_pipeline.web.readiness import Readiness

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process lives."""
    return Health()


@router.get("/readyz", responses=described(HTTPStatus.SERVICE_UNAVAILABLE))
async def readyz(request: Request) -> Health:
    """Whether photos can be taken: Kafka answers. Nothing else is needed for that."""
    readiness: Readiness = request.app.state.services.readiness
    if not await readiness.ready():
        raise unavailable("not_ready", "Kafka does not answer.")
    return Health()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    content, media_type = exposition(request.app.state.registry)
    return Response(content, media_type=media_type)
