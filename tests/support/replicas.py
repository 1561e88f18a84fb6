"""Replicas of the upload API that can be stopped, killed and started again, and a load balancer before them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.network import Network
from tests.support.pipeline import Pipeline

from local_stack.errors import NotReadyError
from local_stack.programs import find_haproxy
from local_stack.services.asking import ask
from local_stack.services.balancer import BalancerControl, configuration
from local_stack.services.web import SERVER

INCLUDE = Path(__file__).resolve().parents[2] / "include"
PATIENCE_SECONDS = 90.0
GRACE_SECONDS = 10


class Replica:
    """One upload API on a port that it keeps.

    Args:
        environment: its settings.
        log: where its output goes.
        network: where it runs and listens; on this machine's own loopback when left out.
    """

    def __init__(self, environment: dict[str, str], log: Path, network: Network | None = None) -> None:
        self.port = free_port()
        self._host = network.address if network else "127.0.0.1"
        self._enter = network.enter() if network else ()
        self.url = f"http://{self._host}:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PHOTO_")}
        self._environment = {**inherited, "PYTHONPATH": str(INCLUDE), "PHOTO_PUBLIC_URL": self.url, **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes photos."""
        command = [*self._enter, sys.executable, "-m", "uvicorn", "--factory", "photo_pipeline.api.app:create_app"]
        options = [*SERVER, "--host", self._host, "--port", str(self.port)]
        options += ["--timeout-graceful-shutdown", str(GRACE_SECONDS)]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the product's own start
                [*command, *options], env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )
        wait_for(lambda: answers(f"{self.url}/readyz"), f"the API is ready, see {self._log}")

    def stop(self) -> None:
        """Ask it to end, as a deployment does; it answers what it has begun."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Take it away."""
        self._end(signal.SIGKILL)

    def is_alive(self) -> bool:
        """Whether the process that was started last is there."""
        return self._process is not None and self._process.poll() is None

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(timeout=PATIENCE_SECONDS)


def api_environment(pipeline: Pipeline, key_file: Path) -> dict[str, str]:
    """The settings of an API that writes to this pipeline's topic and reads its database and archive."""
    return {
        "PHOTO_KAFKA_BOOTSTRAP_SERVERS": pipeline.settings.kafka.bootstrap_servers,
        "PHOTO_DATABASE_URL": pipeline.database.api.url.get_secret_value(),
        "PHOTO_HDFS_NAMENODE": pipeline.settings.hdfs.namenode,
        "PHOTO_HDFS_ROOT": pipeline.settings.hdfs.root,
        "PHOTO_TOPIC_UPLOADED": pipeline.settings.topics.uploaded,
        "PHOTO_SIGNING_KEY_FILE": str(key_file),
        "PHOTO_UPLOAD_DIR": str(key_file.parent / "uploads"),
        "HADOOP_USER_NAME": pipeline.hdfs_user,
    }


@contextmanager
def running_replicas(
    environment: dict[str, str], count: int, folder: Path, network: Network | None = None
) -> Iterator[list[Replica]]:
    """Replicas that take photos; they are gone at the end."""
    replicas = [Replica(environment, folder / f"api-{number}.log", network) for number in range(1, count + 1)]
    try:
        for replica in replicas:
            replica.start()
        yield replicas
    finally:
        for replica in replicas:
            replica.stop()


@contextmanager
def running_balancer(replicas: Sequence[Replica], folder: Path) -> Iterator[tuple[str, BalancerControl]]:
    """The stack's own balancer before these replicas (``api-1``, ...): its address, and its control."""
    port, control, path = free_port(), folder / "balancer.sock", folder / "haproxy.cfg"
    names = {f"api-{number}": replica.url.removeprefix("http://") for number, replica in enumerate(replicas, start=1)}
    path.write_text(configuration(port, control, names))
    with (
        (folder / "haproxy.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - the system's HAProxy
            [find_haproxy(), "-db", "-f", str(path)], stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/readyz"), "the balancer reaches a replica")
            balancer = BalancerControl(control)
            for name in names:
                balancer.wait_until_up(name, PATIENCE_SECONDS)
            yield f"http://127.0.0.1:{port}", balancer
        finally:
            process.terminate()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        ask(url, 5)
    except NotReadyError:
        return False
    return True


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)
