"""The pages: how to stream, the one that streams a webcam, and the API's description."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import Response

from photo_pipeline.settings import WebSettings
from photo_pipeline.web.middleware import PAGE_POLICY
from photo_pipeline.web.pages import PageTemplate, links_of, mount_shared

HERE = Path(__file__).parent
_PAGES = {"/": ("index.html", None), "/camera": ("camera.html", "Stream")}


def policies(settings: WebSettings) -> Mapping[str, str]:
    """What each page may do: whoever signs out there sends a form to the upload API, whose session it is."""
    api = urlsplit(settings.public_url)
    policy = PAGE_POLICY.replace("form-action 'self'", f"form-action 'self' {api.scheme}://{api.netloc}")
    return {**dict.fromkeys(("/docs", "/static/"), PAGE_POLICY), **dict.fromkeys(_PAGES, policy)}


def mount_pages(app: FastAPI, settings: WebSettings) -> None:
    """Serve the pages; they name the addresses under which their reader reached them."""
    api = settings.public_url.rstrip("/")
    for path, (file, place) in _PAGES.items():
        _add_page(app, path, PageTemplate(HERE / "templates" / file, links_of(api, "/camera"), place), api)
    mount_shared(app, HERE / "static")


def _add_page(app: FastAPI, path: str, template: PageTemplate, api: str) -> None:
    async def page(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        addresses = {"stream": base, "socket": base.replace("http", "ws", 1), "api": api}
        return template.answer(request, **{name: escape(address) for name, address in addresses.items()})

    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)
