"""The pages: how to stream, the one that streams a webcam, and the API's description."""

from html import escape
from pathlib import Path
from string import Template

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse

from photo_pipeline.api.pages import STATIC as SHARED
from photo_pipeline.api.pages import SWAGGER_UI, RevalidatedFiles
from photo_pipeline.settings import WebSettings
from photo_pipeline.web.middleware import PAGE_POLICY

POLICIES = dict.fromkeys(("/", "/camera", "/docs", "/static/"), PAGE_POLICY)
HERE = Path(__file__).parent
_NO_CACHE = {"Cache-Control": "no-cache"}


def mount_pages(app: FastAPI, settings: WebSettings) -> None:
    """Serve the pages; they name the addresses under which their reader reached them."""
    for path, file in {"/": "index.html", "/camera": "camera.html"}.items():
        _add_page(app, path, Template((HERE / "templates" / file).read_text("utf-8")), settings.public_url)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        """The API's description, for people."""
        return FileResponse(SHARED / "docs.html", headers=_NO_CACHE)

    # What is not in this application's folder is looked for in the upload API's.
    files = RevalidatedFiles(directory=HERE / "static", packages=[("photo_pipeline.api", "static")])
    app.mount("/static", files, name="static")
    app.mount("/docs/assets", RevalidatedFiles(directory=SWAGGER_UI), name="docs-assets")


def _add_page(app: FastAPI, path: str, template: Template, api: str) -> None:
    async def page(request: Request) -> HTMLResponse:
        base = str(request.base_url).rstrip("/")
        addresses = {"stream": base, "socket": base.replace("http", "ws", 1), "api": api}
        content = template.substitute({name: escape(address) for name, address in addresses.items()})
        return HTMLResponse(content, headers=_NO_CACHE)

    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)
