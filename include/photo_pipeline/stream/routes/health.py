"""Liveness, readiness and metrics: outside the versioned API."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from photo_pipeline.stream.deps import TheServices
from photo_pipeline.stream.schemas import Health
from photo_pipeline.web.metrics import exposition
from photo_pipeline.web.problems import described, unavailable

router = APIRouter(tags=["operation"])


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process lives."""
    return Health()


@router.get("/readyz", responses=described(HTTPStatus.SERVICE_UNAVAILABLE))
async def readyz(services: TheServices) -> Health:
    """Whether frames can be taken: Kafka answers. Nothing else is needed for that."""
    if not await services.readiness.ready():
        raise unavailable("not_ready", "Kafka does not answer.")
    return Health()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    content, media_type = exposition(request.app.state.registry)
    return Response(content, media_type=media_type)
