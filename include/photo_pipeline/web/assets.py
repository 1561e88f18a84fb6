"""What the pages load, as ``api/npm/build.mjs`` built it: names that hold a hash of the content, kept for ever."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from fastapi import FastAPI
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import Scope

from photo_pipeline.domain.errors import PhotoPipelineError

PREFIX = "/assets/"
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
ENCODINGS: Mapping[str, str] = {"br": ".br", "gzip": ".gz"}
"""What a built file also lies there as, the smallest first."""
LEAST_BYTES = 1000
"""What is smaller fits into the packets that its headers need anyway."""
LEVEL = 4
"""Of gzip: a list of 60 photos, 72 KB, becomes 7 KB in a quarter of a millisecond; higher levels gain nothing."""
_PACKED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "image/*", "application/octet-stream", "application/x-tar")
_PACKAGE = Path(__file__).parents[1]
_NPM = _PACKAGE / "api" / "npm"
_NAMED = re.compile(r'(?<=src="|ref=")/(?:static|packages)/[^"]+(?=")')
_MODULE = re.compile(r'<script type="module" src="(/[^"]+)">')
_HASH = re.compile(r"-[0-9A-Z]{8}\.")
_REVALIDATE = {"Cache-Control": "no-cache"}
_CHARSET = '<meta charset="utf-8">'


class AssetsError(PhotoPipelineError):
    """What the pages load is not built, or from other sources than these."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"{folder} {why}; bin/bootstrap builds it")


@dataclass(frozen=True, slots=True)
class Assets:
    """What the pages of one application load.

    Attributes:
        files: by the names that are in its templates.
        parts: by such a file, all that it may load: itself, and what is loaded when it is needed.
    """

    files: Mapping[str, str]
    parts: Mapping[str, Sequence[str]]

    @staticmethod
    @lru_cache
    def of(folder: Path) -> "Assets":
        """What was built into the folder.

        Raises:
            AssetsError: when nothing was, or when the sources have changed since.
        """
        manifest = folder / "manifest.json"
        if not manifest.is_file():
            raise AssetsError(folder, "is not there")
        told = json.loads(manifest.read_text("utf-8"))
        if told["digest"] != digest_of(folder.parent):
            raise AssetsError(folder, "was built from other sources")
        return Assets(told["files"], told["parts"])

    def named_in(self, page: str) -> str:
        """The page with the built files' names in it, and its module asked for before anything else."""
        for module in _MODULE.findall(page):
            page = page.replace(_CHARSET, f'{_CHARSET}\n  <link rel="modulepreload" href="{module}">')
        return _NAMED.sub(lambda found: self.address(found[0]), page)

    def parts_of(self, file: str) -> Sequence[str]:
        """A file, and all that it may load."""
        return self.parts.get(file, (file,))

    def address(self, name: str) -> str:
        """Where that is which a template names; its own name where it is served as it is."""
        file = self.files.get(name)
        return name if file is None else PREFIX + file


class BuiltFiles(StaticFiles):
    """Files whose content never changes, in the smallest form that the browser takes.

    While one release takes another's place, a page may come from the one and ask the other for what it loads: that has
    the file by its name without the hash, which is not kept. The same goes for a page that was open before.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)
        self._now = {_without_hash(file.name): file.name for file in folder.iterdir()}

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The file of that name, or what it is called in this release."""
        found = super().lookup_path(path)
        if found[1] is not None:
            return found
        return super().lookup_path(self._now.get(_without_hash(path), path))

    def file_response(
        self, full_path: "os.PathLike[str] | str", stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304."""
        name = Path(full_path).name
        is_named_by_content = bool(_HASH.search(name)) and name == PurePosixPath(scope["path"]).name
        headers = dict(FOR_EVER if is_named_by_content else _REVALIDATE)
        for encoding in accepted(Headers(scope=scope).get("Accept-Encoding", "")):
            packed = f"{full_path}{ENCODINGS[encoding]}"
            if os.path.isfile(packed):  # noqa: PTH113 - a string, as Starlette has it
                full_path, stat_result = packed, os.stat(packed)  # noqa: PTH116 - likewise
                headers |= {"Content-Encoding": encoding, "Vary": "Accept-Encoding"}
                break
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(headers)
        return response


def _without_hash(name: str) -> str:
    return _HASH.sub(".", name)


def accepted(header: str) -> Iterable[str]:
    """Those of the encodings that an ``Accept-Encoding`` allows, the smallest first (RFC 9110, 12.5.3)."""
    offers = (offer.partition(";") for offer in header.lower().split(","))
    weights = {name.strip(): weight.replace(" ", "") for name, _, weight in offers}
    return [name for name in ENCODINGS if name in weights and not re.fullmatch(r"q=0(\.0*)?", weights[name])]


def digest_of(application: Path) -> str:
    """Of everything that the files of an application's pages are built from, as ``build.mjs`` computes it."""
    folders = [place / part for place in (application, _PACKAGE / "web") for part in ("static", "templates")]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    files += [_NPM / "package-lock.json", _NPM / "build.mjs"]
    digest = hashlib.sha256()
    for name, file in sorted((file.relative_to(_PACKAGE).as_posix(), file) for file in files):
        digest.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def mount_assets(app: FastAPI, folder: Path) -> None:
    """Serve what was built.

    Raises:
        AssetsError: when nothing was, or from other sources than these.
    """
    Assets.of(folder)
    app.mount(PREFIX.rstrip("/"), BuiltFiles(folder), name="assets")


def compress_texts(app: FastAPI) -> None:
    """Have every answer that is text compressed for whoever takes it: no photo, no archive, no part of a file."""
    app.add_middleware(GZipMiddleware, minimum_size=LEAST_BYTES, compresslevel=LEVEL, exclude_content_types=_PACKED)
