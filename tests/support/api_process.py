"""The upload API as its own process, as an operator starts it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local_stack.errors import NotReadyError
from local_stack.services.asking import NO_AUTHORITIES, ask
from local_stack.services.web import SERVER
from photo_pipeline.settings import DatabaseSettings, HdfsSettings, TopicNames

INCLUDE = Path(__file__).resolve().parents[2] / "include"
START_SECONDS = 60.0
API = "photo_pipeline.api.app:create_app"
STREAM = "photo_pipeline.stream.app:create_app"


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """A running API. ``url`` has no slash at its end."""

    url: str
    pid: int

    def client(self) -> httpx.Client:
        """A client without proxies."""
        return httpx.Client(base_url=f"{self.url}/api/v1", timeout=60, verify=NO_AUTHORITIES, trust_env=False)


def api_environment(
    bootstrap_servers: str, database: DatabaseSettings, hdfs: HdfsSettings, topics: TopicNames, key_file: Path
) -> dict[str, str]:
    """The settings of an API, as environment variables."""
    return {
        "PHOTO_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "PHOTO_DATABASE_URL": database.url.get_secret_value(),
        "PHOTO_HDFS_NAMENODE": hdfs.namenode,
        "PHOTO_HDFS_ROOT": hdfs.root,
        "PHOTO_TOPIC_UPLOADED": topics.uploaded,
        "PHOTO_TOPIC_STREAMED": topics.streamed,
        "PHOTO_SIGNING_KEY_FILE": str(key_file),
        "PHOTO_UPLOAD_DIR": str(key_file.parent / "uploads"),
        "PHOTO_SIGN_UPS_PER_ADDRESS": "10000",  # all tests sign up from one
    }


@contextmanager
def api_process(
    environment: Mapping[str, str], log: Path, *, factory: str = API, alive: str = "/healthz"
) -> Iterator[ApiProcess]:
    """Start the API on a free port; it is stopped at the end and must have ended by itself, without an error.

    Another application in its place is named by its factory, and by a path that it answers.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PHOTO_")}
    settings = {
        "PYTHONPATH": f"{INCLUDE}:{INCLUDE.parent}",
        "FORWARDED_ALLOW_IPS": "",
        "PHOTO_PUBLIC_URL": url,
        **environment,
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, *SERVER]
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - the product's own start
            [*command, "--port", str(port), "--timeout-graceful-shutdown", "5"],
            env={**inherited, **settings},
            stdout=output,
            stderr=output,
        )
        try:
            _wait_until_alive(url + alive, process, log)
            yield ApiProcess(url, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)
    assert "Traceback" not in log.read_text(), log.read_text()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_alive(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            ask(url, 2)
        except NotReadyError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the API did not start:\n{log.read_text()}")
