"""Liveness, readiness, metrics, and the keys that sign receipts: outside the versioned API."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from photo_pipeline.api.deps import TheServices
from photo_pipeline.api.schemas import Health, JsonWebKeySet
from photo_pipeline.web.metrics import exposition
from photo_pipeline.web.problems import described, unavailable

router = APIRouter(tags=["operation"])


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process lives."""
    return Health()


@router.get("/readyz", responses=described(HTTPStatus.SERVICE_UNAVAILABLE))
async def readyz(services: TheServices) -> Health:
    """Whether photos can be taken: Kafka answers. Nothing else is needed for that."""
    if not await services.readiness.ready():
        raise unavailable("not_ready", "Kafka does not answer.")
    return Health()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    content, media_type = exposition(request.app.state.registry)
    return Response(content, media_type=media_type)


@router.get("/.well-known/jwks.json")
async def jwks(services: TheServices, response: Response) -> JsonWebKeySet:
    """The keys that sign receipts: whoever holds a receipt can check it with any JOSE library."""
    response.headers["Cache-Control"] = "public, max-age=3600"
    return JsonWebKeySet.model_validate(services.tokens.jwks())
