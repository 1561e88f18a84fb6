"""The application's description: what FastAPI makes of the routes, and of the long connection in words."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from photo_pipeline.stream.schemas import Acknowledgement, Hello
from photo_pipeline.web.problems import InvalidField, Problem, ValidationProblem

DESCRIPTION = """
Push images from a device or program, one per request or many over one long connection.

Each is acknowledged once Kafka has it, durably: the receipt says so, signed. Make a device and its token with the
upload API's `POST /api/v1/devices`. Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem details.

## `WS /api/v1/stream`

Open a WebSocket with the subprotocol `photo-stream.v1` and the token as `Authorization: Bearer`; a browser, which
cannot set headers, offers the token as a second subprotocol, `bearer.<token>`. A refusal is an HTTP answer, before the
connection is made.

1. The server sends a text message, `Hello`: how large a frame may be, and how many frames and bytes may wait for their
   answer. When that many wait, it stops reading until some are answered.
2. Send each image as one binary message. A text message before it may describe it: `{"filename": "door.jpg"}`.
3. The server answers each with a text message, `Acknowledgement`: `seq` says which binary message it is about, counted
   from 1, and it has either a `receipt` or an `error`. Answers may overtake each other. Keep an image until its receipt
   has come; where the error says `retry`, or the connection broke before the answer, send it again: the same image
   twice is the same photo.

The connection ends with code 1009 on a message larger than `max_frame_bytes`, 1008 on a text message that describes
nothing, 3000 when the session has ended or the device was revoked, and 1012 when the server restarts.
"""


def describe(app: FastAPI) -> None:
    """Make ``app.openapi()`` return the full description."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=app.openapi_tags
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in (InvalidField, Problem, ValidationProblem, Hello, Acknowledgement):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(schema.pop("$defs", {}))
                schemas[model.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document
