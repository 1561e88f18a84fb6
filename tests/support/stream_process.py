"""The stream application as its own process, as an operator starts it, beside a running stack."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
from tests.support.api_process import INCLUDE, _free_port, _wait_until_alive

from local_stack import Endpoints
from local_stack.services.asking import NO_AUTHORITIES
from local_stack.services.web import SERVER


@contextmanager
def stream_process(stack: Endpoints, log: Path, api_url: str | None = None, **limits: str) -> Iterator[str]:
    """Start the stream application on a free port; it must end by itself, without an error.

    Args:
        stack: the servers behind it.
        log: what it prints.
        api_url: the upload API that its pages name; the stack's when left out.
        limits: settings of ``StreamSettings``, by name.

    Yields:
        Its address, without a slash at its end.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PHOTO_")}
    environment = {
        "PYTHONPATH": str(INCLUDE),
        "FORWARDED_ALLOW_IPS": "",
        "PHOTO_KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "PHOTO_DATABASE_URL": stack.api_database_url.replace("postgresql://", "postgresql+psycopg://"),
        "PHOTO_SIGNING_KEY_FILE": stack.signing_key_file,
        "PHOTO_PUBLIC_URL": api_url or stack.api_url,
        **{f"PHOTO_STREAM_{name.upper()}": value for name, value in limits.items()},
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "photo_pipeline.stream.app:create_app"]
    command += [*SERVER, "--port", str(port), "--timeout-graceful-shutdown", "2"]
    with log.open("w") as output:
        process = subprocess.Popen(command, env={**inherited, **environment}, stdout=output, stderr=output)  # noqa: S603 - the product's own start
        try:
            _wait_until_alive(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=30)
    assert "Traceback" not in log.read_text(), log.read_text()


class Account:
    """A customer who has just signed up, at the upload API.

    Args:
        api_url: of the upload API.

    Attributes:
        api: a client with the customer's access token.
    """

    def __init__(self, api_url: str) -> None:
        self.email = f"{uuid4()}@example.org"
        self.password = "correct horse battery"
        self.api = httpx.Client(base_url=f"{api_url}/api/v1", timeout=30, verify=NO_AUTHORITIES, trust_env=False)
        credentials = {"email": self.email, "password": self.password}
        self.api.post("/customers", json={**credentials, "display_name": "Ada"}).raise_for_status()
        token = self.api.post("/session", json=credentials).raise_for_status().json()["access_token"]
        self.api.cookies.clear()
        self.api.headers["Authorization"] = f"Bearer {token}"

    def add_device(self, name: str = "webcam") -> str:
        """Make a device; its token."""
        token: str = self.api.post("/devices", json={"name": name}).raise_for_status().json()["token"]
        return token

    def revoke_devices(self) -> None:
        """Revoke all."""
        for device in self.api.get("/devices").raise_for_status().json()["devices"]:
            self.api.delete(f"/devices/{device['device_id']}").raise_for_status()

    def gallery(self) -> set[str]:
        """The ids of the customer's newest processed photos."""
        photos = self.api.get("/photos", params={"limit": 100}).raise_for_status().json()["photos"]
        return {photo["photo_id"] for photo in photos}
