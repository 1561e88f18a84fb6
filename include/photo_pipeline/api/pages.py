"""The pages: static files of this package. They use the API like anybody else."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from photo_pipeline.web.middleware import PAGE_POLICY

STATIC = Path(__file__).parent / "static"
POLICIES = {"/": PAGE_POLICY, "/static/": PAGE_POLICY}
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

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        """The gallery."""
        return FileResponse(STATIC / "index.html", headers=_REVALIDATE)

    app.mount("/static", RevalidatedFiles(directory=STATIC), name="static")
