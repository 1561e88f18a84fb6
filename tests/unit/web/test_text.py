"""What is no text, and what is no number of this world, is refused as such: in every body, path and query."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.support.web import Platform

from photo_pipeline.api.schemas import PREFIX

pytestmark = pytest.mark.anyio

_KIND = {"Content-Type": "application/json"}
NOT_TEXT = ("\x00", "a\x00b", "\ud800", "a\udfffb")
SAMPLES: dict[str, Any] = {
    "SignUp": {"email": "ada@example.org", "password": "correct horse battery", "display_name": "Ada"},
    "LogIn": {"email": "ada@example.org", "password": "correct horse battery"},
    "NewDevice": {"name": "webcam"},
    "ReceiptTokens": {"tokens": ["a.b.c"]},
    "PhotoIds": {"photo_ids": ["5d3f7c1e-2a64-4f0b-9c58-0e6b7a1d9f42"]},
    "ArchiveRequest": {"photo_ids": ["5d3f7c1e-2a64-4f0b-9c58-0e6b7a1d9f42"], "kind": "web"},
    "NewShareLink": {"photo_ids": ["5d3f7c1e-2a64-4f0b-9c58-0e6b7a1d9f42"], "days": 7},
    "CloseAccount": {"password": "correct horse battery"},
    "NewName": {"display_name": "Ada"},
    "NewDeviceName": {"name": "webcam"},
    "ChangePassword": {"old_password": "correct horse battery", "password": "another horse entirely"},
    "AskForReset": {"email": "ada@example.org"},
    "UseReset": {"token": "abc", "password": "another horse entirely"},
}


def spoiled(document: Any) -> Iterator[Any]:
    """The document with each of its texts, names of fields among them, made into something that is none."""
    for name, value in document.items():
        for wrong in NOT_TEXT:
            yield {**document, name: wrong if isinstance(value, str) else [wrong]}
            yield {**document, wrong: "x"}


def documents(platform: Platform) -> Iterator[tuple[str, str, str]]:
    """Method, path and schema of every operation that takes a document."""
    for path, operations in platform.app.openapi()["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                yield method, path, content["schema"]["$ref"].rpartition("/")[2]


async def test_of_every_document(platform: Platform, ada: httpx.AsyncClient) -> None:
    """422 for each text of each document of each operation, and nothing is asked of the database."""
    known = set()
    for method, path, schema in documents(platform):
        known.add(schema)
        for document in spoiled(SAMPLES[schema]):
            answer = await ada.request(method, f"http://testserver{path}", content=json.dumps(document), headers=_KIND)
            assert answer.status_code == 422, (path, document)
            assert answer.json()["type"] == "urn:photo-pipeline:problem:invalid_request"
    assert known == set(SAMPLES)


async def test_of_every_path(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Each part of an address that a sender chooses, and files and pages as well: 422, never an error of ours."""
    paths = [path for path in platform.app.openapi()["paths"] if "{" in path]
    assert len(paths) > 5
    for path in [*paths, "/static/{x}", "/{x}", "/docs/assets/{x}"]:
        for wrong in ("%00", "a%00b"):
            address = "/".join(wrong if part.startswith("{") else part for part in path.split("/"))
            answer = await ada.get(f"http://testserver{address}")
            assert answer.status_code == 422, address
            assert answer.json()["type"] == "urn:photo-pipeline:problem:not_text"


@pytest.mark.parametrize("query", ["cursor=%00", "%00=1", "limit=1&cursor=a%00b", "status=%00", "order=%00"])
async def test_of_queries(ada: httpx.AsyncClient, query: str) -> None:
    """422, in names and in values."""
    assert (await ada.get(f"/photos?{query}")).status_code == 422


@pytest.mark.parametrize("number", ["9" * 30, "-1", "1e400", "NaN", "0x10", "\u0661"])
async def test_of_numbers(ada: httpx.AsyncClient, number: str) -> None:
    """Out of range, or none: 422."""
    assert (await ada.get(f"/photos?limit={number}")).status_code == 422


async def test_a_document_of_many_wrong_fields_is_answered_shortly(ada: httpx.AsyncClient) -> None:
    """Naming each would take longer than sending them."""
    document = "{" + ",".join(f'"{number:x}":1' for number in range(40_000)) + "}"
    answer = await ada.post("/session", content=document, headers=_KIND)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 1


async def test_a_document_that_is_nested_without_end(ada: httpx.AsyncClient) -> None:
    """422: no recursion of the server's goes as deep."""
    for document in ("[" * 200_000, '{"email":' * 40_000, '{"tokens":' + "[" * 900 + "]" * 900 + "}"):
        assert (await ada.post("/receipts", content=document, headers=_KIND)).status_code == 422


async def test_headers_of_every_byte(ada: httpx.AsyncClient) -> None:
    """They are Latin-1 at most, and prove nobody."""
    for name in ("Authorization", "Cookie", "Range", "If-None-Match", "Last-Event-ID"):
        value = b"Bearer \xff\xfe" if name == "Authorization" else b"photo_session=\xff\xfe"
        answer = await ada.get("http://testserver" + PREFIX + "/me", headers=[(name.encode(), value)])
        assert answer.status_code in {200, 401}
