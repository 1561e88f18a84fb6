"""The API's description: what FastAPI makes of the routes, with every error as the problem it is."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from photo_pipeline.web.problems import InvalidField, Problem, ValidationProblem

DESCRIPTION = """
Send photos in, follow them by their receipts, and look at them.

A photo is accepted once Kafka has acknowledged it: the receipt says so, signed. It is in the gallery some seconds later
and is kept for 168 hours. Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem details.
"""


def describe(app: FastAPI) -> None:
    """Make ``app.openapi()`` return the full description."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=app.openapi_tags
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in (InvalidField, Problem, ValidationProblem):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schema.pop("$defs", None)
                schemas[model.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document
