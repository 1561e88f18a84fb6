"""The upload API on servers and a database of a test's own, with customers who have photos in their gallery."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
from joserfc.jwk import OKPKey
from tests.support.api_process import ApiProcess, api_environment, api_process
from tests.support.pipeline import Pipeline, fresh_pipeline

from local_stack import Endpoints, Stack

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Account:
    """A customer, and a program of theirs that has logged in."""

    email: str
    client: httpx.Client


@dataclass(frozen=True, slots=True)
class GalleryWorld:
    """A running API, and the pipeline behind it, which runs when asked.

    Attributes:
        api: the API.
        pipeline: everything behind Kafka.
        environment: the API's settings, to start another instance with.
        key: what signs its tokens.
    """

    api: ApiProcess
    pipeline: Pipeline
    environment: dict[str, str]
    key: OKPKey

    @contextmanager
    def account(self) -> Iterator[Account]:
        """Somebody new."""
        email = f"{uuid4()}@example.org"
        with self.api.client() as client:
            details = {"email": email, "password": PASSWORD, "display_name": "Ada"}
            client.post("/customers", json=details).raise_for_status()
            self.log_in(client, email)
            yield Account(email, client)

    def log_in(self, client: httpx.Client, email: str) -> None:
        """Begin a session; the client sends its token from now on."""
        token = client.post("/session", json={"email": email, "password": PASSWORD}).raise_for_status().json()
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {token['access_token']}"

    def send(self, account: Account, files: dict[str, bytes]) -> dict[str, str]:
        """Upload files and have them processed: their photos' ids by name."""
        parts = [("files", (name, data)) for name, data in files.items()]
        receipts = account.client.post("/photos", files=parts).raise_for_status().json()["receipts"]
        while self.pipeline.ingest():
            pass
        return {receipt["filename"]: receipt["photo_id"] for receipt in receipts}


@contextmanager
def gallery_world(stack: Endpoints, test_stack: Stack, folder: Path, **settings: str) -> Iterator[GalleryWorld]:
    """Start it, with further settings of the API as environment variables."""
    key = OKPKey.generate_key("Ed25519", private=True, auto_kid=True)
    key_file = folder / "signing_key.jwk"
    key_file.write_text(json.dumps(key.as_dict(private=True)))
    with fresh_pipeline(stack, test_stack, partitions=2) as pipeline:
        servers, topics = pipeline.settings.kafka.bootstrap_servers, pipeline.settings.topics
        environment = api_environment(servers, pipeline.database.api, pipeline.settings.hdfs, topics, key_file)
        environment |= {"PHOTO_UPLOAD_DIR": str(folder / "uploads"), **settings}
        with api_process(environment, folder / "api.log") as api:
            yield GalleryWorld(api, pipeline, environment, key)
