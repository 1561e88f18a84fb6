"""The pages: static files of this package. They use the API like anybody else."""

from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from photo_pipeline.api.services import Services
from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.settings import WebSettings
from photo_pipeline.web.middleware import PAGE_POLICY
from photo_pipeline.web.pages import PageTemplate, RevalidatedFiles, add_page, links_of, mount_shared

HERE = Path(__file__).parent
STATIC = HERE / "static"
TEMPLATES = HERE / "templates"
PACKAGES = HERE / "npm" / "node_modules"
"""From npm, in the versions that ``npm/package-lock.json`` names; ``bin/bootstrap`` installs them."""
LOADED = {
    "tus-js-client": ("tus.min.js",),
    "photoswipe": ("photoswipe.esm.min.js", "photoswipe.css"),
    "blurhash": ("esm/index.js",),
    "exifreader": ("exif-reader.js",),
    "qrcode-generator": ("qrcode.mjs",),
}
"""What the pages load of each package's ``dist``."""
POLICIES = {
    **dict.fromkeys(("/devices", "/account", "/password", "/log-out", "/docs", "/static/", "/s/"), PAGE_POLICY),
    # The gallery has the browser save a ZIP by a form in a frame of its own, where a refusal is read.
    "/": f"{PAGE_POLICY}; frame-src 'self'",
    "/api/v1/photos/archive": "default-src 'none'; frame-ancestors 'self'",
}


LINKS = links_of("", "/stream")
_PAGES = {
    "/": ("index.html", "Gallery"),
    "/devices": ("devices.html", "Devices"),
    "/account": ("account.html", "Account"),
}


class MissingPackageError(PhotoPipelineError):
    """What the pages take from npm is not installed."""

    def __init__(self, package: Path) -> None:
        super().__init__(f"{package} is not there; bin/bootstrap installs it")


def mount_pages(app: FastAPI) -> None:
    """Serve the pages.

    Raises:
        MissingPackageError: when something that they load is not installed.
    """
    for package, files in LOADED.items():
        folder = PACKAGES / package / "dist"
        if not all((folder / file).is_file() for file in files):
            raise MissingPackageError(folder)
        app.mount(f"/packages/{package}", RevalidatedFiles(directory=folder), name=package)
    for path, (file, place) in _PAGES.items():
        add_page(app, path, PageTemplate(TEMPLATES / file, LINKS, place))
    _add_password_page(app)
    _link_stream_application(app)
    mount_shared(app, STATIC)


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
