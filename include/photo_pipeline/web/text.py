"""What counts as text: what a database can hold. Of every body, path and query of every application.

PostgreSQL holds no NUL, and UTF-8 no half of a surrogate pair; JSON and percent-encoding can say both. Headers cannot:
the server refuses a NUL in them, and reads them as Latin-1.
"""

from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict, model_validator
from starlette.types import ASGIApp, Receive, Scope, Send

from photo_pipeline.web.problems import ProblemError, respond

MAX_FIELDS = 200
"""Of one document. Each that does not belong there would be named in the answer, which takes a while."""
NOT_TEXT = "This is not text: it has a NUL or half of a surrogate pair."


def is_text(value: str) -> bool:
    """Whether a database can hold it."""
    try:
        return b"\x00" not in value.encode()
    except UnicodeEncodeError:
        return False


class Document(BaseModel):
    """A JSON document that somebody sends: all in it is text, and what is not known is refused."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _holds_text(cls, given: object) -> object:
        left, fields = [given], 0
        while left:
            value = left.pop()
            if isinstance(value, str) and not is_text(value):
                raise ValueError(NOT_TEXT)
            if isinstance(value, dict):
                fields += len(value)
                left += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                left += value
            if fields > MAX_FIELDS:
                raise ValueError(f"This has more than {MAX_FIELDS} fields.")
        return given


class TextOnly:
    """Refuses addresses that are not text, 422, before anybody looks for what they name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and not _is_text(scope):
            refusal = ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "not_text", NOT_TEXT)
            await respond({"state": scope.get("state", {})}, refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_text(scope: Scope) -> bool:
    return is_text(scope["path"]) and b"\x00" not in unquote_to_bytes(scope["query_string"])
