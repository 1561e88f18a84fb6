"""The pages: how to stream, the one that streams a webcam, and the API's description."""

from html import escape
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response

from photo_pipeline.settings import WebSettings
from photo_pipeline.web.middleware import PAGE_POLICY
from photo_pipeline.web.pages import PageTemplate, mount_shared

POLICIES = dict.fromkeys(("/", "/camera", "/docs", "/static/"), PAGE_POLICY)
HERE = Path(__file__).parent


def mount_pages(app: FastAPI, settings: WebSettings) -> None:
    """Serve the pages; they name the addresses under which their reader reached them."""
    for path, file in {"/": "index.html", "/camera": "camera.html"}.items():
        _add_page(app, path, PageTemplate(HERE / "templates" / file), settings.public_url)
    mount_shared(app, HERE / "static")


def _add_page(app: FastAPI, path: str, template: PageTemplate, api: str) -> None:
    async def page(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        addresses = {"stream": base, "socket": base.replace("http", "ws", 1), "api": api}
        return template.answer(request, **{name: escape(address) for name, address in addresses.items()})

    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)
