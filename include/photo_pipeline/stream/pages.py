"""The page that explains how to stream."""

from importlib.resources import files
from string import Template

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import escape

from photo_pipeline.settings import WebSettings
from photo_pipeline.web.middleware import PAGE_POLICY

POLICIES = {"/": PAGE_POLICY}
_STATIC = files("photo_pipeline.stream") / "static"


def mount_pages(app: FastAPI, settings: WebSettings) -> None:
    """Serve the page, with the addresses under which the reader reached it."""
    page = Template((_STATIC / "index.html").read_text("utf-8"))
    style = (_STATIC / "style.css").read_text("utf-8")

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> HTMLResponse:
        """How to stream."""
        base = str(request.base_url).rstrip("/")
        socket = base.replace("http", "ws", 1)
        addresses = {"stream": base, "socket": socket, "api": settings.public_url}
        return HTMLResponse(page.substitute({name: escape(address) for name, address in addresses.items()}))

    @app.get("/static/style.css", include_in_schema=False)
    async def stylesheet() -> Response:
        """Its looks."""
        return Response(style, media_type="text/css", headers={"Cache-Control": "no-cache"})
