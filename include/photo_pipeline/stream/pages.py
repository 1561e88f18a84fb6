"""The page that explains how to stream, and the API's description, as the upload API shows its own."""

from html import escape
from pathlib import Path
from string import Template

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse

from photo_pipeline.api.pages import POLICIES, SWAGGER_UI, RevalidatedFiles
from photo_pipeline.api.pages import STATIC as SHARED
from photo_pipeline.settings import WebSettings

__all__ = ["POLICIES", "mount_pages"]

HERE = Path(__file__).parent
_NO_CACHE = {"Cache-Control": "no-cache"}


def mount_pages(app: FastAPI, settings: WebSettings) -> None:
    """Serve the pages; the first names the addresses under which its reader reached it."""
    page = Template((HERE / "templates" / "index.html").read_text("utf-8"))

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> HTMLResponse:
        """How to stream."""
        base = str(request.base_url).rstrip("/")
        addresses = {"stream": base, "socket": base.replace("http", "ws", 1), "api": settings.public_url}
        content = page.substitute({name: escape(address) for name, address in addresses.items()})
        return HTMLResponse(content, headers=_NO_CACHE)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        """The API's description, for people."""
        return FileResponse(SHARED / "docs.html", headers=_NO_CACHE)

    # What is not in this application's folder is looked for in the upload API's.
    files = RevalidatedFiles(directory=HERE / "static", packages=[("photo_pipeline.api", "static")])
    app.mount("/static", files, name="static")
    app.mount("/docs/assets", RevalidatedFiles(directory=SWAGGER_UI), name="docs-assets")
