"""The keys that sign receipts: outside the versioned API."""

from fastapi import APIRouter, Response

from photo_pipeline.api.deps import TheServices
from photo_pipeline.api.schemas import JsonWebKeySet

router = APIRouter(tags=["operation"])


@router.get("/.well-known/jwks.json")
async def jwks(services: TheServices, response: Response) -> JsonWebKeySet:
    """The keys that sign receipts: whoever holds a receipt can check it with any JOSE library."""
    response.headers["Cache-Control"] = "public, max-age=3600"
    return JsonWebKeySet.model_validate(services.tokens.jwks())
