"""README's pictures: one line for whatever keeps one from being taken, and files that are small."""

from __future__ import annotations

import json
import random
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from socketserver import TCPServer
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from local_stack.demo.errors import NotUpError
from local_stack.demo.places import Places
from local_stack.screenshots import __main__ as screenshots
from local_stack.screenshots.browser import chromium
from local_stack.screenshots.errors import BrowserFailedError, NothingToShowError, PictureTooLargeError
from local_stack.screenshots.files import LIMIT_BYTES, save
from local_stack.screenshots.sitter import require_a_demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = (
    "PHOTO_API_URL",
    "PHOTO_STREAM_URL",
    "AIRFLOW_URL",
    "AIRFLOW_USER",
    "AIRFLOW_PASSWORD",
    "KAFKA_BOOTSTRAP_SERVERS",
    "WEBHDFS_URL",
    "HADOOP_USER_NAME",
    "PHOTO_DATABASE_URL",
    "ELASTICSEARCH_URL",
    "ELASTICSEARCH_USER",
    "ELASTICSEARCH_PASSWORD",
)
NOWHERE = dict.fromkeys(NAMES, "http://127.0.0.1:1")


def test_without_a_stack_the_line_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and nothing is written."""
    assert _run(tmp_path, monkeypatch) == 1
    error = capsys.readouterr().err
    assert error == f"error: {tmp_path / 'home' / 'endpoints.env'} cannot be read: run `make up` first\n"
    assert not (tmp_path / "pictures").exists()


def test_without_chromium_the_line_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command to type is in it."""
    _write_endpoints(tmp_path / "home")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _run(tmp_path, monkeypatch) == 1
    expected = "error: Chromium is needed, none was found; install it with: apt-get install chromium\n"
    assert capsys.readouterr().err == expected


def test_a_stack_that_is_down_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make down` leaves the addresses where they are."""
    _write_endpoints(tmp_path / "home")
    _program(tmp_path / "chromium")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _run(tmp_path, monkeypatch) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: http://127.0.0.1:1 does not answer")
    assert error.endswith("run `make up` first\n")
    assert error.count("\n") == 1


def test_a_browser_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    """The reason is Playwright's first line, not its page of them."""
    with (
        pytest.raises(BrowserFailedError, match=r"^Chromium does not start: [^\n]+$"),
        chromium(str(_program(tmp_path / "chromium"))),
    ):
        pytest.fail("it has started")


@pytest.mark.parametrize(("status", "body"), [(404, {"error": "no such index"}), (200, {"count": 0})])
def test_empty_pages_are_not_photographed(status: int, body: dict[str, object]) -> None:
    """Before the first photo, the line says which command fills the pages."""
    with _search(status, body) as address, pytest.raises(NothingToShowError, match="make demo"):
        require_a_demo(_places(address))


def test_a_platform_with_photos_may_be_photographed() -> None:
    """Or else the refusals above would prove nothing."""
    with _search(200, {"count": 1}) as address:
        require_a_demo(_places(address))
    with pytest.raises(NotUpError):
        require_a_demo(_places(address))


@pytest.mark.parametrize("name", ["grain.jpg", "grain.png"])
def test_a_picture_is_made_smaller_until_it_fits(name: str, tmp_path: Path) -> None:
    """Of grain only the beginning fits at full quality; the file is what its name says."""
    edge = 330 if name.endswith(".jpg") else 400
    length = save(_grain(edge), tmp_path / name)
    assert length == (tmp_path / name).stat().st_size <= LIMIT_BYTES
    with Image.open(tmp_path / name) as picture:
        assert (picture.size, picture.format) == ((edge, edge), {"jpg": "JPEG", "png": "PNG"}[name[-3:]])


@pytest.mark.parametrize("name", ["grain.jpg", "grain.png"])
def test_a_picture_that_never_fits_is_not_written(name: str, tmp_path: Path) -> None:
    """The repository does not grow by accident."""
    with pytest.raises(PictureTooLargeError, match=name):
        save(_grain(480), tmp_path / name)
    assert not (tmp_path / name).exists()


def _run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("PHOTO_STACK_HOME", str(folder / "home"))
    return screenshots.main(["--report", str(folder / "report.html"), "--folder", str(folder / "pictures")])


def _write_endpoints(home: Path) -> None:
    home.mkdir()
    (home / "endpoints.env").write_text("".join(f"{name}={value}\n" for name, value in NOWHERE.items()))


def _program(path: Path) -> Path:
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return path


def _places(elasticsearch: str) -> Places:
    return replace(Places.of(NOWHERE), elasticsearch=elasticsearch)


def _grain(edge: int) -> bytes:
    pixels = random.Random(0).randbytes(edge * edge * 3)  # noqa: S311 - repeatable noise, not a secret
    file = BytesIO()
    Image.frombytes("RGB", (edge, edge), pixels).save(file, "PNG")
    return file.getvalue()


@contextmanager
def _search(status: int, body: dict[str, object]) -> Iterator[str]:
    """A server that gives every question the same answer."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with TCPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
