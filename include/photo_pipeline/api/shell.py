"""What makes the page an application that is installed: its service worker, and what that keeps for want of a network.

The worker is told the hash of each file, so what it keeps is of one version, and every deployment is another worker.
"""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from photo_pipeline.web.assets import PREFIX, Assets
from photo_pipeline.web.pages import revalidated

PAGE = "/"
_BUILT = re.compile(f'(?:href|src)="({PREFIX}[^"]+)"')
_IMPORTED = re.compile(r'(?<=from ")/static/[^"]+(?=")')


@dataclass(frozen=True, slots=True)
class Shell:
    """The page, and all that it needs to begin and to work on.

    Attributes:
        page: its text, as somebody gets it of whom nothing is known.
        built: the folder with what it loads.
    """

    page: str
    built: Path

    def hashes(self) -> dict[str, str]:
        """SHA-256 by address, in hexadecimal: also of what a script loads when it is needed."""
        named = [address.removeprefix(PREFIX) for address in _BUILT.findall(self.page)]
        files = sorted({part for file in named for part in Assets.of(self.built).parts_of(file)})
        contents = {PAGE: self.page.encode(), **{PREFIX + file: (self.built / file).read_bytes() for file in files}}
        return {address: sha256(content).hexdigest() for address, content in contents.items()}


def add_shell(app: FastAPI, shell: Shell, templates: Path) -> None:
    """Serve the service worker, and answer in its place where a browser has lost it."""
    script = (templates / "service-worker.js").read_text("utf-8")
    script = _IMPORTED.sub(lambda found: Assets.of(shell.built).address(found[0]), script)
    worker = script.replace("{/* hashes */}", json.dumps(shell.hashes(), indent=2))

    @app.api_route("/service-worker.js", methods=["GET", "HEAD"], include_in_schema=False)
    async def service_worker(request: Request) -> Response:
        """The worker, of the version that is deployed."""
        return revalidated(request, worker, "text/javascript")

    @app.post("/share", include_in_schema=False)
    async def share() -> Response:
        """Photos that a phone shares are the worker's to take; the page says where they were not taken."""
        return RedirectResponse("/?shared=none", HTTPStatus.SEE_OTHER)
