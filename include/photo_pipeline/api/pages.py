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
ME = "/api/v1/me"
FIRST_PHOTOS = "/api/v1/photos?status=processed&order={order}&limit=60"
"""With ``ME`` what the gallery's script asks for at once, to the letter: it takes the answers that are there."""
ORDER_COOKIE = "photo-order"
"""The script's (``gallery/order.js``)."""
POLICIES = {
    **dict.fromkeys(("/devices", "/account", "/password", "/leave", "/log-out", "/docs"), PAGE_POLICY),
    **dict.fromkeys(("/static/", "/s/"), PAGE_POLICY),
    # The gallery has the browser save a ZIP by a form in a frame of its own, where a refusal is read.
    "/": f"{PAGE_POLICY}; frame-src 'self'",
    "/api/v1/photos/archive": "default-src 'none'; frame-ancestors 'self'",
    "/service-worker.js": "default-src 'none'; script-src 'self'; connect-src 'self'",
}


LINKS = links_of("", "/stream")
FORMS = ("/leave", "/log-out", "/share")
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
    mount_shared(app, STATIC, FORMS)


def _add_gallery(app: FastAPI) -> None:
    template = PageTemplate(TEMPLATES / "index.html", LINKS, "Gallery")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def gallery(request: Request) -> Response:
        """The gallery. Who seems to be logged in has the first list asked for while the script is on its way."""
        return template.answer(request, ahead=_ahead(request))

    add_shell(app, Shell(template.text(ahead=""), BUILT), TEMPLATES)


def _ahead(request: Request) -> str:
    if request.cookies.keys().isdisjoint(COOKIES):
        return ""
    order = "uploaded" if request.cookies.get(ORDER_COOKIE) == "uploaded" else "taken"
    # What is searched for is the script's to understand.
    addresses = [ME] if request.url.query else [ME, FIRST_PHOTOS.format(order=order)]
    return "\n  ".join(f'<link rel="preload" as="fetch" crossorigin href="{escape(each)}">' for each in addresses)


def _add_password_page(app: FastAPI) -> None:
    template = PageTemplate(TEMPLATES / "password.html")

    @app.api_route("/password", methods=["GET", "HEAD"], include_in_schema=False)
    async def password(request: Request) -> Response:
        """A password is set anew here, where the operator has set up mail; otherwise it says so."""
        services: Services = request.app.state.services
        shown = ("", "hidden") if services.posting.is_set_up else ("hidden", "")
        return template.answer(request, with_mail=shown[0], without_mail=shown[1])


def _link_stream_application(app: FastAPI) -> None:
    @app.api_route("/stream", methods=["GET", "HEAD"], include_in_schema=False)
    async def stream(request: Request) -> Response:
        """On to the stream application, whose address a static page does not know."""
        settings: WebSettings = request.app.state.services.settings
        return RedirectResponse(f"{settings.stream_url}/camera", HTTPStatus.TEMPORARY_REDIRECT)
