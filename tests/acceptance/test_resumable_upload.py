"""Resumable uploads over two replicas of the API that share nothing but Kafka, the key and the directory of parts."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from joserfc.jwk import OKPKey
from tests.support.pipeline import Pipeline, fresh_pipeline
from tests.support.replicas import Replica, api_environment, running_replicas, wait_for
from tests.support.tus import OCTETS, TUS
from tests.support.uploading import photo, signed_in

from local_stack import Endpoints, Stack
from photo_pipeline.domain.photo import sha256_hex


@pytest.fixture(scope="module")
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give a pipeline of this module's own."""
    with fresh_pipeline(stack, test_stack) as own:
        yield own


@pytest.fixture(scope="module")
def replicas(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    """Give two replicas with one directory of parts."""
    folder = tmp_path_factory.mktemp("replicas")
    key_file = folder / "signing_key.jwk"
    key_file.write_text(json.dumps(OKPKey.generate_key("Ed25519", private=True).as_dict(private=True)))
    with running_replicas(api_environment(pipeline, key_file), 2, folder) as started:
        yield started


def test_an_upload_survives_the_death_of_its_replica(replicas: list[Replica], pipeline: Pipeline) -> None:
    """Killed in the middle of a piece, the first replica leaves what had come; the second goes on there.

    The receipt is for exactly these bytes, and the first replica, back again, tells the same one.
    """
    first, second = replicas
    data = photo(1) + os.urandom(5_000_000)
    with closing(signed_in(first.url)) as ada:
        begun = ada.post("/uploads", headers={**TUS, "Upload-Length": str(len(data))})
        path = begun.headers["Location"].removeprefix("/api/v1")
        [part] = Path(first._environment["PHOTO_UPLOAD_DIR"]).glob("open/*/*.part")
        with half_sent(ada, first, f"PATCH /api/v1{path}", data, **{"Upload-Offset": "0"}):
            wait_for(lambda: part.stat().st_size > len(data) // 4, "some bytes have arrived")
            first.kill()
        with httpx.Client(base_url=f"{second.url}/api/v1", headers=dict(ada.headers), trust_env=False) as again:
            offset = int(again.head(path, headers=TUS).headers["Upload-Offset"])
            assert len(data) // 4 < offset <= len(data) // 2
            last = again.patch(path, content=data[offset:], headers={**OCTETS, "Upload-Offset": str(offset)})
            receipt = again.get(path).json()["receipt"]
        assert (last.status_code, last.headers["Photo-Receipt"]) == (204, receipt["token"])
        assert receipt["sha256"] == sha256_hex(data)
        first.start()
        assert ada.head(path, headers=TUS).headers["Photo-Receipt"] == receipt["token"]
    assert sum(summary.processed for summary in pipeline.ingest()) == 1


def test_a_creation_dies_with_its_replica(replicas: list[Replica]) -> None:
    """Killed before it could tell the address, a replica leaves what is nobody's: the next start removes it."""
    first, second = replicas
    data = photo(2) + os.urandom(5_000_000)
    begun = Path(first._environment["PHOTO_UPLOAD_DIR"])
    with closing(signed_in(second.url)) as ada:
        with half_sent(ada, first, "POST /api/v1/uploads", data, **{"Upload-Length": str(len(data))}):
            wait_for(lambda: any(path.stat().st_size for path in begun.glob("open/*/*.begun")), "some bytes came")
            first.kill()
        answer = ada.post("/uploads", headers={**TUS, "Upload-Length": "1000"})
        assert answer.status_code == HTTPStatus.CREATED
        first.start()
        wait_for(lambda: not any(begun.glob("open/*/*.begun")), "the replica has swept")
        path = answer.headers["Location"].removeprefix("/api/v1")
        assert ada.head(path, headers=TUS).headers["Upload-Offset"] == "0"


def half_sent(client: httpx.Client, replica: Replica, call: str, data: bytes, **more: str) -> socket.socket:
    """Send the first half of the data in a request that announces all of it; the connection stays open."""
    headers = {**client.headers, **OCTETS, **more, "Content-Length": str(len(data))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    address = urlsplit(replica.url)
    connection = socket.create_connection((str(address.hostname), int(address.port or 0)))
    connection.sendall(f"{call} HTTP/1.1\r\nHost: {address.netloc}\r\n{head}\r\n".encode())
    connection.sendall(data[: len(data) // 2])
    return connection
