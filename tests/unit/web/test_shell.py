"""What makes the page an application: its service worker, its manifest, and whom its requests are meant for."""

import io
import json
import re
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from tests.support.web import Platform, sign_up

from photo_pipeline.api.shell import Shell
from photo_pipeline.web.assets import PREFIX, digest_of

pytestmark = pytest.mark.anyio

ROOT = "http://testserver"


async def test_the_worker_knows_what_is_served(platform: Platform) -> None:
    """It keeps the page and all that this needs, each by the hash of what is given out; it may load from here."""
    async with platform.client() as client:
        worker = await client.get(f"{ROOT}/service-worker.js")
        assert worker.headers["Content-Type"].startswith("text/javascript")
        assert worker.headers["Cache-Control"] == "no-cache"
        policy = "default-src 'none'; script-src 'self'; connect-src 'self'"
        assert worker.headers["Content-Security-Policy"] == policy
        [told] = re.findall(r"(?s)const HASHES = ({.*?});", worker.text)
        hashes = json.loads(told)
        for address, digest in hashes.items():
            assert sha256((await client.get(ROOT + address)).content).hexdigest() == digest, address
        again = await client.get(f"{ROOT}/service-worker.js", headers={"If-None-Match": worker.headers["ETag"]})
    assert again.status_code == 304
    names = " ".join(hashes)
    for name in ("main", "index", "tus.min", "memory", "waiting"):
        assert f"{PREFIX}{name}-" in names, "what the page loads, now or when the first photos are there, is kept"
    assert "/" in hashes
    assert not names.count("account-"), "what other pages load is not"


async def test_what_the_worker_imports_is_there(platform: Platform) -> None:
    """Sources of packages are not served: it imports what was built."""
    async with platform.client() as client:
        worker = await client.get(f"{ROOT}/service-worker.js")
        [imported] = re.findall(r'from "([^"]+)"', worker.text)
        answer = await client.get(ROOT + imported)
    assert imported.startswith(PREFIX)
    assert answer.status_code == 200
    assert "/packages/" not in answer.text


def test_a_deployment_is_another_worker(tmp_path: Path) -> None:
    """Any byte of any file that it keeps is in what it is told, and so in its own text, by which browsers know it."""
    (tmp_path / "app").mkdir()
    built = tmp_path / "app" / "built"
    built.mkdir()
    (built / "main-0A1B2C3D.js").write_text("one")
    (built / "later-0A1B2C3D.js").write_text("one")
    parts = {"main-0A1B2C3D.js": ["later-0A1B2C3D.js", "main-0A1B2C3D.js"]}
    told = {"digest": digest_of(built.parent), "files": {}, "parts": parts}
    (built / "manifest.json").write_text(json.dumps(told))
    shell = Shell('<script src="/assets/main-0A1B2C3D.js">', built)
    before = shell.hashes()
    (built / "later-0A1B2C3D.js").write_text("two")
    changed = {address for address, digest in shell.hashes().items() if before[address] != digest}
    assert changed == {"/assets/later-0A1B2C3D.js"}
    with pytest.raises(FileNotFoundError, match="nothing"):
        Shell('<link href="/assets/nothing.css">', built).hashes()


async def test_the_page_can_be_installed(platform: Platform) -> None:
    """Its manifest has the type that browsers ask for, and icons of the sizes that it says."""
    async with platform.client() as client:
        answer = await client.get(f"{ROOT}/static/manifest.webmanifest")
        assert answer.headers["Content-Type"].startswith("application/manifest+json")
        manifest = answer.json()
        for icon in manifest["icons"]:
            image = await client.get(ROOT + icon["src"])
            assert image.headers["Content-Type"] == icon["type"]
            width, height = Image.open(io.BytesIO(image.content)).size
            assert f"{width}x{height}" == icon["sizes"]
        assert f'href="{answer.url.path}"' in (await client.get(f"{ROOT}/")).text


async def test_what_no_worker_takes_is_told(platform: Platform) -> None:
    """A phone may still offer to share after the browser has lost the worker: the page that opens says so."""
    async with platform.client() as client:
        manifest = (await client.get(f"{ROOT}/static/manifest.webmanifest")).json()
        target = manifest["share_target"]
        field = target["params"]["files"][0]["name"]
        answer = await client.post(ROOT + target["action"], files={field: ("a.jpg", bytes(3_000_000))})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?shared=none")


async def test_a_request_that_is_meant_for_somebody_else_is_refused(platform: Platform, ada: httpx.AsyncClient) -> None:
    """A page goes on sending while another tab logs somebody else in: their session does not take its photos."""
    customer = (await ada.get("/me")).json()["customer_id"]
    assert (await ada.get("/photos", headers={"Photo-Customer": customer})).status_code == 200
    for meant in (str(uuid4()), ""):
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "3", "Photo-Customer": meant}
        answer = await ada.post("/uploads", headers=tus)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (401, "not_logged_in")
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await grace.get("/photos", headers={"Photo-Customer": customer})).status_code == 401
