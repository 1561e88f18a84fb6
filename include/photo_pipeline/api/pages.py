"""The pages: static files of this package. They use the API like anybody else."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.settings import WebSettings
from photo_pipeline.web.middleware import PAGE_POLICY

STATIC = Path(__file__).parent / "static"
SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI's files. The pages that FastAPI and this package make of them carry scripts that the policy forbids."""
TUS_CLIENT = Path(__file__).parent / "npm" / "node_modules" / "tus-js-client" / "dist"
"""From npm, in the version that ``npm/package-lock.json`` names; ``bin/bootstrap`` installs it."""
POLICIES = dict.fromkeys(("/", "/devices", "/docs", "/static/"), PAGE_POLICY)
_REVALIDATE = {"Cache-Control": "no-cache"}


class MissingPackageError(PhotoPipelineError):
    """What the pages take from npm is not installed."""

    def __init__(self, package: Path) -> None:
        super().__init__(f"{package} is not there; bin/bootstrap installs it")


class RevalidatedFiles(StaticFiles):
    """Static files that a browser keeps but asks about, so that a new version is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(_REVALIDATE)
        return response


def mount_pages(app: FastAPI) -> None:
    """Serve the pages.

    Raises:
        MissingPackageError: when something that they load is not installed.
    """
    if not (TUS_CLIENT / "tus.min.js").is_file():
        raise MissingPackageError(TUS_CLIENT)
    for path, file in {"/": "index.html", "/devices": "devices.html", "/docs": "docs.html"}.items():
        _add_page(app, path, STATIC / file)
    _link_stream_application(app)
    app.mount("/static", RevalidatedFiles(directory=STATIC), name="static")
    app.mount("/packages/tus-js-client", RevalidatedFiles(directory=TUS_CLIENT), name="tus-js-client")
    app.mount("/docs/assets", RevalidatedFiles(directory=SWAGGER_UI), name="docs-assets")


def _link_stream_application(app: FastAPI) -> None:
    @app.get("/stream", include_in_schema=False)
    async def stream(request: Request) -> Response:
        """On to the stream application, whose address a static page does not know."""
        settings: WebSettings = request.app.state.services.settings
        return RedirectResponse(f"{settings.stream_url}/camera", HTTPStatus.TEMPORARY_REDIRECT)


def _add_page(app: FastAPI, path: str, file: Path) -> None:
    async def page() -> Response:
        return FileResponse(file, headers=_REVALIDATE)

    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)
