"""The keys by which anyone checks what this platform has signed: outside the versioned API."""

from fastapi import APIRouter, Response

from photo_pipeline.api.deps import TheServices
from photo_pipeline.api.schemas import JsonWebKeySet

router = APIRouter(tags=["operation"])

_KEPT = {"Cache-Control": "public, max-age=3600"}


@router.get("/.well-known/jwks.json")
async def jwks(services: TheServices, response: Response) -> JsonWebKeySet:
    """The keys that sign receipts: whoever holds a receipt can check it with any JOSE library."""
    response.headers.update(_KEPT)
    return JsonWebKeySet.model_validate(services.tokens.jwks())


@router.get("/.well-known/erasure-jwks.json")
async def erasure_jwks(services: TheServices, response: Response) -> JsonWebKeySet:
    """The keys that sign proofs of erasure, and those that did: whoever holds one can check it with any JOSE library.

    They are others than those of receipts, and the upload API has their public halves alone; none where the operator
    has named none.
    """
    response.headers.update(_KEPT)
    return JsonWebKeySet.model_validate(services.erasure_keys)
