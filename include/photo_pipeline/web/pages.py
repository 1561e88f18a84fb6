"""What the pages of both web applications share: their heads, the API's description for people, static files."""

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from photo_pipeline.web import problems
from photo_pipeline.web.assets import Assets, mount_assets
from photo_pipeline.web.middleware import PAGE_POLICY, POLICY

SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI's files. The pages that FastAPI and this package make of them carry scripts that the policy forbids."""
_SHARED = Path(__file__).parent
_TITLE = re.compile("<title>(.*)</title>")
_REVALIDATE = {"Cache-Control": "no-cache"}


class RevalidatedFiles(StaticFiles):
    """Static files that a browser keeps but asks about, so that a new version is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(_REVALIDATE)
        return response


class PageTemplate:
    """A page's file, with what pages have in common where it asks for that.

    ``$head`` is their beginning; ``$bar`` the header: the page's title, links between both applications' pages, and the
    way out; ``$pages`` the links alone. Where these lead, ``links`` says. What it names below ``/static/`` and
    ``/packages/`` is loaded as it was built (``assets``).

    Args:
        file: the page.
        links: names of addresses, which are escaped by the caller; those of ``links_of`` where there is a header.
        place: which of the links this page is.
        built: the folder with what it loads, where that is not its application's.
    """

    def __init__(
        self,
        file: Path,
        links: Mapping[str, str] = MappingProxyType({}),
        place: str | None = None,
        built: Path | None = None,
    ) -> None:
        self._links = links
        self._built = built or file.parents[1] / "built"
        content = file.read_text("utf-8")
        title = _TITLE.search(content)
        pages = _common("pages").replace(f'">{place}<', f'" aria-current="page">{place}<')
        bar = _common("bar").replace("$title", title[1] if title else "")
        for name, common in (("$bar", bar), ("$pages", pages), ("$head", _common("head"))):
            content = content.replace(name, common)
        self._content = content

    @cached_property
    def _template(self) -> Template:
        """Raises ``AssetsError`` where what the page loads is not built; an application does not start then."""
        return Template(Assets.of(self._built).named_in(self._content))

    def text(self, **names: str) -> str:
        """The page. Names are put in as they are: escaped by the caller."""
        return self._template.substitute(self._links, **names)

    def answer(self, request: Request, **names: str) -> Response:
        """The page, or 304 to a browser that has it."""
        return revalidated(request, self.text(**names), "text/html")

    def once(self, status: HTTPStatus, **names: str) -> Response:
        """The page as it is this time, with that status: nobody keeps it, so it never is a 304."""
        return HTMLResponse(self.text(**names), status, headers={"Cache-Control": "no-store"})


def revalidated(request: Request, content: str, media_type: str) -> Response:
    """Some text that browsers keep but ask about, or 304 to one that has it."""
    tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    headers = {**_REVALIDATE, "ETag": tag}
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


def links_of(gallery: str, streaming: str) -> Mapping[str, str]:
    """Where the header's links lead, as one of the applications sees it.

    Args:
        gallery: the upload API's pages; empty there.
        streaming: the page that streams a webcam.
    """
    return {"gallery": escape(gallery), "streaming": escape(streaming)}


def _common(name: str) -> str:
    return (_SHARED / "templates" / f"{name}.html").read_text("utf-8").rstrip("\n")


def add_page(app: FastAPI, path: str, template: PageTemplate) -> None:
    """Serve a page that is the same for everybody."""

    async def page(request: Request) -> Response:
        return template.answer(request)

    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)


def _add_missing_page(app: FastAPI, template: PageTemplate) -> None:
    """Whoever opens an address in a browser at which there is nothing reads that; programs get a problem."""

    async def missing(request: Request, error: Exception) -> Response:
        if request.method != "GET" or "text/html" not in request.headers.get("Accept", ""):
            return problems.on_http_exception(request, error)
        page = template.once(HTTPStatus.NOT_FOUND)
        page.headers[POLICY] = PAGE_POLICY
        return page

    app.add_exception_handler(HTTPStatus.NOT_FOUND, missing)


def mount_shared(app: FastAPI, static: Path) -> None:
    """Serve the API's description under ``/docs``, and under ``/static`` the folder and what both applications use.

    An address without anything has a page, too.

    What was built of them lies beside the folder; that is what pages load.
    """
    built = static.parent / "built"
    mount_assets(app, built)
    add_page(app, "/docs", PageTemplate(_SHARED / "templates" / "docs.html", built=built))
    _add_missing_page(app, PageTemplate(_SHARED / "templates" / "missing.html", built=built))
    files = RevalidatedFiles(directory=static, packages=[("photo_pipeline.web", "static")])
    app.mount("/static", files, name="static")
    app.mount("/docs/assets", RevalidatedFiles(directory=SWAGGER_UI), name="docs-assets")
