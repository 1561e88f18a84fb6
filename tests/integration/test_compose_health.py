"""The healthchecks of docker-compose.yaml, asked of real servers of the same versions."""

import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from local_stack import Endpoints, Stack

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of docker-compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    return found


def test_checks_know_real_servers(stack: Endpoints, test_stack: Stack, services: dict[str, Any]) -> None:
    """Kafka answers, the NameNode is out of safe mode, and the DataNode has registered; nobody there is ill."""
    addresses = {
        "kafka": ("kafka/9092", stack.kafka_bootstrap_servers.replace(":", "/")),
        "namenode": ("127.0.0.1/9870", urlsplit(stack.webhdfs_url).netloc.replace(":", "/")),
        "datanode": ("127.0.0.1/9864", f"127.0.0.1/{test_stack.settings.ports('datanode_http')}"),
    }
    for name, (inside, here) in addresses.items():
        command = services[name]["healthcheck"]["test"][3].replace("$$", "$")
        assert inside in command, name
        for address, expected in ((here, 0), ("127.0.0.1/1", 1)):
            done = subprocess.run(  # noqa: S603 - a command of this repository's
                ["bash", "-c", command.replace(inside, address)],  # noqa: S607 - as the images, by the PATH
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
            assert done.returncode == expected, f"{name}: {done.stderr}"
