"""Errors as RFC 9457 problem details: one shape for all that goes wrong. No traceback, no input echoed."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from photo_pipeline.domain.errors import ServerUnavailableError, UnstorableError
from photo_pipeline.web.bodies import BodyError

MEDIA_TYPE = "application/problem+json"
NOT_FOUND = "not_found"
"""The slug of an address at which there is nothing."""
RETRY_SECONDS = 5
"""What ``Retry-After`` says where nothing better is known."""
MAX_ERRORS = 50
"""So many wrong fields of a request are named."""
_SENTENCES = {
    "missing": "This is missing.",
    "extra_forbidden": "There is no such field.",
    "string_type": "This is no text.",
    "string_too_short": "This has too few characters: at least {min_length}.",
    "string_too_long": "This has too many characters: at most {max_length}.",
    "too_short": "This has too few {parts}: at least {min_length}.",
    "too_long": "This has too many {parts}: at most {max_length}.",
    "greater_than_equal": "This is too little: at least {ge}.",
    "less_than_equal": "This is too much: at most {le}.",
    "string_pattern_mismatch": "This has characters that cannot be seen, or spaces at its ends.",
    "literal_error": "This is none of {expected}.",
    "enum": "This is none of {expected}.",
    "json_invalid": "This is no JSON.",
    "value_error": "{error}",
}
"""What the validation found, as a person would say it, by its kind. What is not here keeps the validation's words."""
_TYPE_PREFIX = "urn:photo-pipeline:problem:"


class Problem(BaseModel):
    """RFC 9457, section 3. Some problems carry more members than these."""

    type: str = Field(description="What kind of problem: a URN that a program can compare")
    title: str = Field(description="The kind of problem, in words")
    status: int
    detail: str | None = Field(default=None, description="What happened this time, as a person would say it")
    instance: str | None = Field(default=None, description="The path that was asked for")
    request_id: str | None = Field(default=None, description="Finds this request in the server's log")


class InvalidField(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="`body`, `query`, `path` or `header`")
    pointer: str = Field(description="Where in it, as a JSON Pointer (RFC 6901)")
    detail: str


class ValidationProblem(Problem):
    """A request that does not fit the API's description."""

    errors: list[InvalidField] | None = Field(default=None, description="What is wrong, field by field")


class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        status: the HTTP status.
        slug: the kind of problem, for programs.
        detail: what happened, for people.
        headers: to be sent along, such as ``Retry-After``.
        members: more members of the problem (RFC 9457, 3.2).
    """

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        super().__init__(f"{status.value} {slug}: {detail}")


Answer = Callable[[Request, ProblemError], Response]
Handler = Callable[[Request, Exception], Awaitable[Response]]


def unavailable(slug: str, detail: str, **members: object) -> ProblemError:
    """503 with ``Retry-After``: nothing is wrong with the request, so the same one may succeed later."""
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, slug, detail, headers=headers, members=members)


def too_many(slug: str, detail: str, retry_seconds: int) -> ProblemError:
    """429 with ``Retry-After``."""
    headers = {"Retry-After": str(retry_seconds)}
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, slug, detail, headers=headers)


def respond(scope: Mapping[str, Any], problem: ProblemError) -> Response:
    """The problem as a response to the request of this ASGI scope."""
    body = {
        "type": _TYPE_PREFIX + problem.slug,
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        "instance": scope.get("path"),
        "request_id": scope.get("state", {}).get("request_id"),
        **problem.members,
    }
    # ASCII only: a path or field name may hold what is not valid UTF-8.
    content = json.dumps({name: value for name, value in body.items() if value is not None})
    return Response(content, problem.status.value, headers=problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI, answer: Answer) -> None:
    """Make every error of this application a problem. What nobody expected is the middleware's to catch.

    Args:
        app: the application.
        answer: how a problem is told to whoever sent this request.
    """
    for kind, problem_of in _PROBLEMS.items():
        app.add_exception_handler(kind, _handler(problem_of, answer))


def _handler(problem_of: Callable[[Request, Any], ProblemError], answer: Answer) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        return answer(request, problem_of(request, error))

    return handle


def described(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer, for its OpenAPI description."""
    return {status.value: _description(status) for status in statuses}


def _description(status: HTTPStatus) -> dict[str, Any]:
    model = ValidationProblem if status is HTTPStatus.UNPROCESSABLE_ENTITY else Problem
    entry: dict[str, Any] = {
        "description": status.phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}},
    }
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        entry["headers"] = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
    return entry


def _problem(_request: Request, error: ProblemError) -> ProblemError:
    return error


def _refusal(request: Request, error: HTTPException) -> ProblemError:
    """What the framework refuses."""
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # how FastAPI takes a body that is no text: as unusable as any other
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = error.slug if isinstance(error, BodyError) else status.phrase.lower().replace(" ", "_")
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return ProblemError(status, slug, str(error.detail), headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """All methods of this path. The framework names only those of the first route that has the path.

    Where routes have it to the letter, others that would take a part of it for an id have not.
    """
    routes = (route for route in request.app.routes if isinstance(route, Route))
    fitting = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    exact = [route for route in fitting if not route.param_convertors]
    return sorted({method for route in exact or fitting for method in route.methods or ()})


def _invalid_request(request: Request, error: RequestValidationError) -> ProblemError:
    if request.method not in _allowed_methods(request):  # a part of the address was taken for an id, which it is not
        return _refusal(request, HTTPException(HTTPStatus.METHOD_NOT_ALLOWED))
    fields = [_invalid_field(found) for found in error.errors()[:MAX_ERRORS]]
    errors = [field.model_dump() for field in fields]
    detail = " ".join(sorted({_named(field) for field in fields}))
    members = {"errors": errors}
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail[:1000], members=members)


def _server_unavailable(_request: Request, error: ServerUnavailableError) -> ProblemError:
    detail = "A server behind this one does not answer at the moment. Please try again."
    return unavailable(f"{error.server.lower()}_unavailable", detail)


def _unstorable(_request: Request, _error: UnstorableError) -> ProblemError:
    """The error is not told: it may quote what was sent."""
    detail = "Something in this request is no value that can be kept, or looked for."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "unstorable", detail)


_PROBLEMS: Mapping[type[Exception], Callable[[Request, Any], ProblemError]] = {
    ProblemError: _problem,
    HTTPException: _refusal,
    RequestValidationError: _invalid_request,
    ServerUnavailableError: _server_unavailable,
    UnstorableError: _unstorable,
}


def _invalid_field(found: Mapping[str, Any]) -> InvalidField:
    location: Sequence[int | str] = found["loc"]
    where, *path = (str(part) for part in location) if location else ("body",)
    escaped = (part.replace("~", "~0").replace("/", "~1") for part in path)
    pointer = "".join(f"/{part}" for part in escaped)
    return InvalidField(where=where, pointer=pointer, detail=_sentence(found))


def _sentence(found: Mapping[str, Any]) -> str:
    sentence = _SENTENCES.get(found["type"])
    context = found.get("ctx", {})
    # What the validation calls a value is a secret, of characters.
    parts = "characters" if context.get("field_type") == "Value" else "entries"
    return str(found["msg"]) if sentence is None else sentence.format_map({**context, "parts": parts})


def _named(field: InvalidField) -> str:
    """What is wrong, with the field's name as a person would say it."""
    words = field.pointer.replace("/", " ").replace("~1", "/").replace("~0", "~").replace("_", " ")
    name = words.strip() or field.where
    return f"{name[0].upper()}{name[1:]}: {field.detail}"
