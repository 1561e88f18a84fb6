"""Many frames in one request that never has to end."""

from http import HTTPStatus

from fastapi import APIRouter, Request

from photo_pipeline.stream.deps import TheSender, TheServices
from photo_pipeline.stream.feed import NDJSON, FeedResponse
from photo_pipeline.stream.feed_parts import MEDIA_TYPE, NotAFeedError, boundary_of
from photo_pipeline.web.problems import ProblemError, described

router = APIRouter(tags=["frames"])

_EXAMPLE = """--frame\r
Content-Type: image/jpeg\r
Content-Disposition: attachment; filename="door.jpg"\r
\r
...the image's bytes...\r
--frame\r
"""
_LINES = {
    "schema": {
        "oneOf": [
            {"$ref": f"#/components/schemas/{name}"} for name in ("Hello", "Acknowledgement", "Skipped", "FeedEnd")
        ]
    }
}


@router.post(
    "/feed",
    status_code=HTTPStatus.OK,
    response_class=FeedResponse,
    responses={
        200: {"description": "One JSON document per line, while the feed goes on", "content": {NDJSON: _LINES}},
        **described(
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}, "example": _EXAMPLE}},
        }
    },
)
async def push_feed(request: Request, sender: TheSender, services: TheServices) -> FeedResponse:
    """Push images as cameras do: `multipart/x-mixed-replace`, each part one image of at most 32 MiB, without end.

    The answer begins with the first bytes and goes on beside the feed, one JSON document per line: `hello`, then an
    `ack` for each part, numbered from 1 in the order of the parts, and `end`. Its receipt says that Kafka has the
    image, durably. Answers may overtake each other. A sender that does not read them is served all the same; a line
    `skipped` then says how many were dropped.

    A part that is no image, too large, too early or broken is refused, and the feed goes on with the next one; it ends
    after a hundred in a row. While as many frames as the window allows wait for Kafka, the feed is not read on.
    """
    try:
        boundary = boundary_of(request.headers.get("Content-Type", ""))
    except NotAFeedError as error:
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_a_feed", str(error)) from None
    return FeedResponse(request, boundary, sender, services)
