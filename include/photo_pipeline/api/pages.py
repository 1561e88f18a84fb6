"""The pages: static files of this package. They use the API like anybody else."""

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from photo_pipeline.web.middleware import PAGE_POLICY

STATIC = Path(__file__).parent / "static"
SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI's files. The pages that FastAPI and this package make of them carry scripts that the policy forbids."""
POLICIES = dict.fromkeys(("/", "/docs", "/static/"), PAGE_POLICY)
_REVALIDATE = {"Cache-Control": "no-cache"}


class RevalidatedFiles(StaticFiles):
    """Static files that a browser keeps but asks about, so that a new version is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(_REVALIDATE)
        return response


def mount_pages(app: FastAPI) -> None:
    """Serve the pages."""
    for path, file in {"/": "index.html", "/docs": "docs.html"}.items():
        _add_page(app, path, STATIC / file)
    app.mount("/static", RevalidatedFiles(directory=STATIC), name="static")
    app.mount("/docs/assets", RevalidatedFiles(directory=SWAGGER_UI), name="docs-assets")


def _add_page(app: FastAPI, path: str, file: Path) -> None:
    async def page() -> Response:
        return FileResponse(file, headers=_REVALIDATE)

    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)
