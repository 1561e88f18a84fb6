"""Airflow for DAG tests: configured before it is first imported, with a home of its own and no server."""

import os
import socket
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(REPOSITORY / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(REPOSITORY / "plugins")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture(scope="session")
def touched_addresses() -> list[object]:
    """Give the addresses that were connected to while the DAG files were parsed."""
    return []


@pytest.fixture(scope="session")
def dag_bag(touched_addresses: list[object]) -> object:
    """Give all DAGs, parsed as Airflow's DAG processor does, with every connection noted and refused."""
    from airflow.dag_processing.dagbag import BundleDagBag  # noqa: PLC0415 - after the environment above

    patch = pytest.MonkeyPatch()

    def refuse(_socket: socket.socket, address: object) -> None:
        touched_addresses.append(address)
        raise ConnectionRefusedError(address)

    patch.setattr(socket.socket, "connect", refuse)
    patch.setattr(socket.socket, "connect_ex", refuse)
    folder = REPOSITORY / "dags"
    bag = BundleDagBag(folder, bundle_path=folder, bundle_name="dags")
    patch.undo()
    return bag
