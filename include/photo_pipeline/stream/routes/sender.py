"""Who is sending: whether a token is good, before anything is sent with it."""

from http import HTTPStatus

from fastapi import APIRouter

from photo_pipeline.stream.deps import TheSender, TheServices
from photo_pipeline.stream.schemas import SenderView
from photo_pipeline.web.problems import described

router = APIRouter(tags=["frames"])


@router.get("/sender", responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN))
async def who_is_sending(sender: TheSender, services: TheServices) -> SenderView:
    """Whose token this is, and what they may send at a time."""
    return SenderView.of(sender, services.settings.stream)
