"""The pages: static files of this package. They use the API like anybody else."""

from html import escape
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from photo_pipeline.api.services import Services
from photo_pipeline.api.shell import Shell, add_shell
from photo_pipeline.settings import WebSettings
from photo_pipeline.web.credentials import COOKIES
from photo_pipeline.web.middleware import PAGE_POLICY
from photo_pipeline.web.pages import PageTemplate, add_page, links_of, mount_shared

HERE = Path(__file__).parent
STATIC = HERE / "static"
TEMPLATES = HERE / "templates"
BUILT = HERE / "built"
FIRST = ("/api/v1/me", "/api/v1/photos?status=processed&order=taken&limit=60")
"""What the gallery's script asks for at once, to the letter: it takes the answers that are there."""
_AHEAD = "\n  ".join(f'<link rel="preload" as="fetch" crossorigin href="{escape(address)}">' for address in FIRST)
POLICIES = {
    **dict.fromkeys(("/devices", "/account", "/password", "/leave", "/log-out", "/docs"), PAGE_POLICY),
    **dict.fromkeys(("/static/", "/s/"), PAGE_POLICY),
    # The gallery has the browser save a ZIP by a form in a frame of its own, where a refusal is read.
    "/": f"{PAGE_POLICY}; frame-src 'self'",
    "/api/v1/photos/archive": "default-src 'none'; frame-ancestors 'self'",
    "/service-worker.js": "default-src 'none'; script-src 'self'; connect-src 'self'",
}


LINKS = links_of("", "/stream")
_PAGES = {"/devices": ("devices.html", "Devices"), "/account": ("account.html", "Account")}


def mount_pages(app: FastAPI) -> None:
    """Serve the pages.

    Raises:
        AssetsError: when what they load is not built.
    """
    _add_gallery(app)
    for path, (file, place) in _PAGES.items():
        add_page(app, path, PageTemplate(TEMPLATES / file, LINKS, place))
    _add_password_page(app)
    _link_stream_application(app)
    mount_shared(app, STATIC)


def _add_gallery(app: FastAPI) -> None:
    template = PageTemplate(TEMPLATES / "index.html", LINKS, "Gallery")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def gallery(request: Request) -> Response:
        """The gallery. Who seems to be logged in has the first list asked for while the script is on its way."""
        is_known = not request.cookies.keys().isdisjoint(COOKIES)
        return template.answer(request, ahead=_AHEAD if is_known else "")

    add_shell(app, Shell(template.text(ahead=""), BUILT), TEMPLATES)


def _add_password_page(app: FastAPI) -> None:
    template = PageTemplate(TEMPLATES / "password.html")

    @app.api_route("/password", methods=["GET", "HEAD"], include_in_schema=False)
    async def password(request: Request) -> Response:
        """A password is set anew here, where the operator has set up mail; otherwise it says so."""
        services: Services = request.app.state.services
        shown = ("", "hidden") if services.posting.is_set_up else ("hidden", "")
        return template.answer(request, with_mail=shown[0], without_mail=shown[1])


def _link_stream_application(app: FastAPI) -> None:
    @app.get("/stream", include_in_schema=False)
    async def stream(request: Request) -> Response:
        """On to the stream application, whose address a static page does not know."""
        settings: WebSettings = request.app.state.services.settings
        return RedirectResponse(f"{settings.stream_url}/camera", HTTPStatus.TEMPORARY_REDIRECT)
