"""Whoever has no right to a photo gets nothing of it: other customers, other keys, other kinds of tokens, old ones.

On a real API, Kafka, PostgreSQL and HDFS, from outside.
"""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from tests.support.api_process import api_process
from tests.support.gallery import Account, GalleryWorld
from tests.support.images import encoded, scene

from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.web.tokens import API_AUDIENCE, ISSUER, SESSION_TYPE

# RFC 9864 prefers another name for the same algorithm; the tokens of this platform keep the one that verifiers know.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

HTML = b"<html><script>alert(document.domain)</script></html>"
SVG = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"


@dataclass(frozen=True, slots=True)
class Victim:
    """A customer with a photo.

    Attributes:
        account: the customer.
        customer_id: the id that a forger may have learnt.
        photo_id: of the photo.
        etag: of its original.
    """

    account: Account
    customer_id: UUID
    photo_id: str
    etag: str

    @property
    def paths(self) -> list[str]:
        """Everything that says something of the photo."""
        return [f"/photos/{self.photo_id}{rest}" for rest in ("", "/original", "/web", "/thumb")]


@pytest.fixture(scope="module")
def ada(world: GalleryWorld) -> Iterator[Victim]:
    """Give a customer whose photo is in the gallery."""
    with world.account() as account:
        [photo_id] = world.send(account, {"a.jpg": encoded(scene(320, 240, seed=7), SniffedFormat.JPEG)}).values()
        me = account.client.get("/me").json()
        etag = account.client.get(f"/photos/{photo_id}/original").raise_for_status().headers["ETag"]
        yield Victim(account, UUID(me["customer_id"]), photo_id, etag)


def claims(victim: Victim, **changes: object) -> dict[str, Any]:
    """What a session's token of the victim would say."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": API_AUDIENCE, "sub": str(victim.customer_id), "sid": str(uuid4())}
    return {**good, "jti": str(uuid4()), "iat": now, "auth_time": now, "exp": now + 600, **changes}


def signed(key: OKPKey, content: dict[str, Any], **header: str) -> str:
    """A token by that key."""
    full = {"alg": "EdDSA", "typ": SESSION_TYPE, "kid": str(key.kid), **header}
    return jwt.encode(full, content, key, algorithms=["EdDSA"])


def unsigned(content: dict[str, Any], signature: str = "") -> str:
    """A token that says of itself that it needs no signature (RFC 7519, 6)."""
    parts = ({"alg": "none", "typ": SESSION_TYPE}, content)
    encoded_parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded_parts, signature])


def forgeries(world: GalleryWorld, victim: Victim) -> dict[str, str]:
    """Tokens that must open nothing, by what is wrong with each."""
    own = world.key
    stranger = OKPKey.generate_key("Ed25519", private=True, auto_kid=True)
    same_kid = OKPKey.import_key({**stranger.as_dict(private=True), "kid": str(own.kid)})
    good = signed(own, claims(victim))
    other = signed(own, claims(victim, sub=str(uuid4())))
    head, _, signature = good.split(".")
    public = json.dumps(own.as_dict(private=False)).encode()
    confused = {"alg": "HS256", "typ": SESSION_TYPE, "kid": str(own.kid)}
    now = int(time.time())
    return {
        "of another key": signed(stranger, claims(victim)),
        "of another key under our key's name": signed(same_kid, claims(victim)),
        "unsigned": unsigned(claims(victim)),
        "unsigned, with a signature": unsigned(claims(victim), signature),
        "HMAC with the public key": jwt.encode(confused, claims(victim), OctKey.import_key(public)),
        "expired": signed(own, claims(victim, exp=now - 60)),
        "without an end": signed(own, {k: v for k, v in claims(victim).items() if k != "exp"}),
        "for the stream application": signed(own, claims(victim, aud="photo-stream")),
        "of another issuer": signed(own, claims(victim, iss="somebody")),
        "a device's kind": signed(own, claims(victim, device_id=str(uuid4())), typ="device+jwt"),
        "a receipt's kind": signed(own, claims(victim), typ="receipt+jwt"),
        "changed afterwards": f"{head}.{other.split('.')[1]}.{signature}",
        "cut": good[: len(good) // 2],
        "nothing": "x",
    }


def test_a_right_token_opens_the_photo(world: GalleryWorld, ada: Victim) -> None:
    """Or else the refusals below would prove nothing."""
    with world.api.client() as client:
        client.headers["Authorization"] = f"Bearer {signed(world.key, claims(ada))}"
        assert {client.get(path).status_code for path in ada.paths} == {200}


def test_forged_and_old_tokens_open_nothing(world: GalleryWorld, ada: Victim) -> None:
    """As bearer or as cookie: 401 for each, with nothing of the photo in the answer."""
    with world.api.client() as client:
        for wrong, token in forgeries(world, ada).items():
            for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"photo_session={token}"}):
                for path in (*ada.paths, "/photos", "/me", "/events", "/devices"):
                    answer = client.get(path, headers=headers)
                    assert answer.status_code == 401, (wrong, path)
                    assert str(ada.customer_id) not in answer.text


def test_a_devices_token_sends_and_sees_nothing(world: GalleryWorld, ada: Victim) -> None:
    """A camera that was stolen shows nobody its owner's photos, and cannot upload here either."""
    token = ada.account.client.post("/devices", json={"name": "door"}).raise_for_status().json()["token"]
    with world.api.client() as camera:
        camera.headers["Authorization"] = f"Bearer {token}"
        answers = [camera.get(path) for path in (*ada.paths, "/photos", "/me", "/events")]
        answers.append(camera.post("/photos", files={"files": ("a.jpg", b"x")}))
    assert {answer.status_code for answer in answers} == {401}


def test_another_customers_photo_is_as_if_it_did_not_exist(world: GalleryWorld, ada: Victim) -> None:
    """Read, range, cache, keep: 404 for each, in the very words for a photo that never was."""
    with world.account() as grace:
        client = grace.client
        never = client.get(f"/photos/{uuid4()}/original").json()
        original = ada.paths[1]
        probes = [
            *(client.get(path) for path in ada.paths),
            *(client.head(path) for path in ada.paths[1:]),
            client.get(original, headers={"If-None-Match": ada.etag}),
            client.get(original, headers={"If-None-Match": "*"}),
            client.get(original, headers={"Range": "bytes=0-9"}),
            client.get(f"{original}?v={ada.etag.strip(chr(34))[:16]}"),
            client.put(f"/holds/{ada.photo_id}"),
            client.delete(f"/holds/{ada.photo_id}"),
        ]
        assert {probe.status_code for probe in probes} == {404}
        found = client.get(original).json()
        assert {k: v for k, v in found.items() if k not in {"instance", "request_id"}} == {
            k: v for k, v in never.items() if k not in {"instance", "request_id"}
        }
        assert client.get("/photos").json()["photos"] == []
        cursor = ada.account.client.get("/photos", params={"limit": 1}).json()["next_cursor"]
        assert client.get("/photos", params={"cursor": cursor} if cursor else {}).json()["photos"] == []


def test_the_same_bytes_of_somebody_else_are_another_photo(world: GalleryWorld, ada: Victim) -> None:
    """Sending what another customer has sent tells nothing: neither "already here" nor that customer's photo."""
    content = ada.account.client.get(ada.paths[1]).content
    with world.account() as grace:
        [photo_id] = world.send(grace, {"mine.jpg": content}).values()
        assert photo_id != ada.photo_id
        [shown] = grace.client.get("/photos").json()["photos"]
        assert (shown["filename"], shown["photo_id"]) == ("mine.jpg", photo_id)


def test_a_session_is_over_at_every_instance(world: GalleryWorld, tmp_path: Path) -> None:
    """Its token, kept by somebody, is refused where the customer signed out and where nobody ever did."""
    with world.account() as grace, api_process(world.environment, tmp_path / "api.log") as other:
        token = grace.client.headers["Authorization"]
        grace.client.delete("/session").raise_for_status()
        with other.client() as elsewhere:
            elsewhere.headers["Authorization"] = token
            for client in (grace.client, elsewhere):
                assert client.get("/photos").status_code == 401
                assert client.get("/events").status_code == 401
                assert client.post("/photos", files={"files": ("a.jpg", b"x")}).status_code == 401


def test_an_instance_stops_though_pages_listen(world: GalleryWorld, tmp_path: Path) -> None:
    """Live connections end with the process, which does not wait for them until it has to be cut short."""
    log = tmp_path / "api.log"
    with world.account() as grace, api_process(world.environment, log) as other, other.client() as page:
        page.headers["Authorization"] = grace.client.headers["Authorization"]
        with page.stream("GET", "/events") as events:
            lines = events.iter_lines()
            while next(lines) != "event: hello":
                pass
            psutil.Process(other.pid).terminate()
            assert list(lines)[-1:] == [""]
    assert "graceful shutdown exceeded" not in log.read_text()


@pytest.mark.parametrize(("name", "data"), [("a.svg", SVG), ("a.jpg", SVG), ("a.png", HTML), ("a.html", HTML)])
def test_active_content_is_no_photo(ada: Victim, name: str, data: bytes) -> None:
    """SVG and HTML are refused by their bytes, whatever they are called."""
    answer = ada.account.client.post("/photos", files={"files": (name, data)})
    assert answer.status_code == 415


def test_a_picture_that_is_also_a_page_is_only_a_picture(world: GalleryWorld) -> None:
    """A JPEG with a page inside: a download under a picture's name, sandboxed and not sniffed; renditions lose it."""
    picture = encoded(scene(320, 240, seed=9), SniffedFormat.JPEG)
    comment = b"\xff\xfe" + (len(HTML) + 2).to_bytes(2, "big") + HTML
    polyglot = picture[:2] + comment + picture[2:] + HTML
    with world.account() as eve:
        [photo_id] = world.send(eve, {"page.html": polyglot}).values()
        for kind in ("original", "web", "thumb"):
            answer = eve.client.get(f"/photos/{photo_id}/{kind}").raise_for_status()
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert (HTML in answer.content) == (kind == "original")
        original = eve.client.get(f"/photos/{photo_id}/original")
        assert original.content == polyglot
        disposition = original.headers["Content-Disposition"]
        assert disposition.startswith("attachment; ")
        assert 'filename="page.html.jpeg"' in disposition


def test_bytes_are_cached_ranged_and_asked_about(ada: Victim) -> None:
    """ETag, Range, HEAD and immutable, on bytes that come from HDFS."""
    client, original = ada.account.client, ada.paths[1]
    whole = client.get(original)
    head = client.head(original)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Accept-Ranges", "Content-Disposition"):
        assert head.headers[name] == whole.headers[name]
    assert "immutable" in whole.headers["Cache-Control"]
    assert "private" in whole.headers["Cache-Control"]
    part = client.get(original, headers={"Range": "bytes=5-14"})
    assert (part.status_code, part.content) == (206, whole.content[5:15])
    assert client.get(original, headers={"If-None-Match": ada.etag}).status_code == 304
    assert client.head(original, headers={"If-None-Match": ada.etag}).status_code == 304


def test_pages_run_nothing_inline_and_load_nothing_from_elsewhere(world: GalleryWorld) -> None:
    """The policy of every page forbids it; answers of the API may do nothing at all."""
    for path in ("/", "/docs", "/devices"):
        policy = (
            httpx.get(f"{world.api.url}{path}", trust_env=False).raise_for_status().headers["Content-Security-Policy"]
        )
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
    answer = httpx.get(f"{world.api.url}/api/v1/me", trust_env=False)
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
