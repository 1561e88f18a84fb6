"""What the pages of both web applications share: their heads, the API's description for people, static files."""

import hashlib
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI's files. The pages that FastAPI and this package make of them carry scripts that the policy forbids."""
_SHARED = Path(__file__).parent
_REVALIDATE = {"Cache-Control": "no-cache"}


class RevalidatedFiles(StaticFiles):
    """Static files that a browser keeps but asks about, so that a new version is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(_REVALIDATE)
        return response


class PageTemplate:
    """A page's file; where it says ``$head``, there is the beginning that all pages have in common."""

    def __init__(self, file: Path) -> None:
        head = (_SHARED / "templates" / "head.html").read_text("utf-8").rstrip("\n")
        self._template = Template(file.read_text("utf-8").replace("$head", head))

    def answer(self, request: Request, **names: str) -> Response:
        """The page, or 304 to a browser that has it. Names are put in as they are: escaped by the caller."""
        content = self._template.substitute(names)
        tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
        headers = {**_REVALIDATE, "ETag": tag}
        if tag in request.headers.get("If-None-Match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return HTMLResponse(content, headers=headers)

    def once(self, status: HTTPStatus, **names: str) -> Response:
        """The page as it is this time, with that status: nobody keeps it, so it never is a 304."""
        return HTMLResponse(self._template.substitute(names), status, headers={"Cache-Control": "no-store"})


def add_page(app: FastAPI, path: str, file: Path) -> None:
    """Serve a page that is the same for everybody."""
    template = PageTemplate(file)

    async def page(request: Request) -> Response:
        return template.answer(request)

    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)


def mount_shared(app: FastAPI, static: Path) -> None:
    """Serve the API's description under ``/docs``, and under ``/static`` the folder and what both applications use."""
    add_page(app, "/docs", _SHARED / "templates" / "docs.html")
    files = RevalidatedFiles(directory=static, packages=[("photo_pipeline.web", "static")])
    app.mount("/static", files, name="static")
    app.mount("/docs/assets", RevalidatedFiles(directory=SWAGGER_UI), name="docs-assets")
