"""An application's OpenAPI description: what FastAPI makes of the routes, with every error as the problem it is."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from photo_pipeline.web.problems import InvalidField, Problem, ValidationProblem, described

_FRAMEWORKS_OWN = "HTTPValidationError"


def describe(app: FastAPI, text: str, *models: type[BaseModel]) -> None:
    """Make ``app.openapi()`` return the full description.

    Args:
        app: the application.
        text: what it is for, in Markdown.
        models: what no route's signature names, such as the messages of a long connection.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=text, routes=app.routes, tags=app.openapi_tags
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            _as_problems(document, schemas)
            named: tuple[type[BaseModel], ...] = (InvalidField, Problem, ValidationProblem, *models)
            for model in named:
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(schema.pop("$defs", {}))
                schemas[model.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def _as_problems(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    """What FastAPI says by itself of invalid requests is not what they are answered with here; any body may stall."""
    problem = described(HTTPStatus.UNPROCESSABLE_ENTITY)[HTTPStatus.UNPROCESSABLE_ENTITY.value]
    unread = described(HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["responses"] = {str(code): problem for code, problem in unread.items()} | operation[
                    "responses"
                ]
            if _FRAMEWORKS_OWN in str(operation["responses"].get("422", "")):
                operation["responses"]["422"] = problem
    for name in (_FRAMEWORKS_OWN, "ValidationError"):
        schemas.pop(name, None)
