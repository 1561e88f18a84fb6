"""The script of compose/ that makes new secrets, and the last step of the start."""

import base64
import importlib.util
import json
import re
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from platform_start.__main__ import main


def load(root: Path, name: str) -> ModuleType:
    """A script as a module; it is run by path otherwise."""
    spec = importlib.util.spec_from_file_location(f"compose_{name}", root / "compose" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def new_env(root: Path) -> ModuleType:
    """compose/new_env.py."""
    return load(root, "new_env")


def read_env(path: Path) -> dict[str, str]:
    """The variables of an env file."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_new_env_writes_what_compose_requires(new_env: ModuleType, root: Path, tmp_path: Path) -> None:
    """Every required variable gets a random value, each another, that fits into URLs and JSON."""
    assert new_env.main(tmp_path) == 0
    written = read_env(tmp_path / ".env")
    assert set(written) == set(re.findall(r"\$\{(\w+):\?", (root / "docker-compose.yaml").read_text()))
    assert len(set(written.values())) == len(written)
    passwords = {name: value for name, value in written.items() if not name.endswith("_FILE")}
    assert all(re.fullmatch(r"[A-Za-z0-9_=-]{16,}", value) for value in passwords.values())
    assert len(base64.urlsafe_b64decode(written["AIRFLOW_FERNET_KEY"])) == 32
    assert len(base64.urlsafe_b64decode(written["KAFKA_CLUSTER_ID"] + "==")) == 16


def test_new_env_keeps_secrets_from_other_users(new_env: ModuleType, tmp_path: Path) -> None:
    """The env file and the folder are the owner's only; the key inside is readable to the container's user."""
    new_env.main(tmp_path)
    key = Path(read_env(tmp_path / ".env")["SIGNING_KEY_FILE"])
    assert json.loads(key.read_text())["crv"] == "Ed25519"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / ".env", key.parent, key)}
    assert list(modes.values()) == [0o600, 0o700, 0o444]


def test_new_env_leaves_an_existing_file_alone(
    new_env: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run changes nothing and says in one line how to start anew."""
    new_env.main(tmp_path)
    before = (tmp_path / ".env").read_text()
    assert new_env.main(tmp_path) == 1
    assert (tmp_path / ".env").read_text() == before
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "docker compose down --volumes" in error


class FakeAirflow(ThreadingHTTPServer):
    """The part of Airflow's REST API that the set-up speaks to, with the answers of a real one."""

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state = state
        self.woken: list[str] = []
        self.runs = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Answers by method and path."""

    server: FakeAirflow

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _answer(self, status: int, body: object) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        """DAGs, import errors, the run."""
        if self.path.startswith("/api/v2/dags?"):
            self._answer(200, {"dags": [{"dag_id": name} for name in ("platform_setup", "photo_ingest")]})
        elif self.path.startswith("/api/v2/importErrors"):
            self._answer(200, {"import_errors": []})
        else:
            tasks = {"migrate_database": self.server.state, "import_dashboards": "running"}
            self._answer(200, {"task_instances": [{"task_id": task, "state": each} for task, each in tasks.items()]})

    def do_POST(self) -> None:
        """Log-in, and a new run."""
        if self.path == "/auth/token":
            self._answer(201, {"access_token": "token"})
        elif self.path == "/api/v2/pools":
            self._answer(409, {"detail": "it exists"})
        else:
            self.server.runs += 1
            self._answer(200, {})

    def do_PATCH(self) -> None:
        """Wake a DAG."""
        self.server.woken.append(self.path.rpartition("/")[2])
        self._answer(200, {"file_token": "token"})

    def do_PUT(self) -> None:
        """Read a DAG's file."""
        self._answer(201, None)


@pytest.fixture
def airflow(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    """A fake Airflow whose run of platform_setup ends in the state that the test names."""
    server = FakeAirflow(request.param)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """AIRFLOW_HOME with two DAG files."""
    for name in ("dags", "logs"):
        (tmp_path / name).mkdir()
    for name in ("platform_setup", "photo_ingest"):
        (tmp_path / "dags" / f"{name}.py").touch()
    pools = tmp_path / "include" / "photo_pipeline" / "orchestration" / "pools.json"
    pools.parent.mkdir(parents=True)
    pools.write_text('{"photo_hdfs": {"slots": 1, "description": "", "include_deferred": false}}')
    return tmp_path


def environment(airflow: FakeAirflow) -> dict[str, str]:
    """What docker-compose.yaml gives the step."""
    return {
        "AIRFLOW_URL": airflow.url,
        "AIRFLOW_USER": "admin",
        "AIRFLOW_PASSWORD": "secret",
        "AIRFLOW_SHOWN_URL": "http://127.0.0.1:8080",
    }


@pytest.mark.parametrize("airflow", ["success"], indirect=True)
def test_setup_runs_once_and_wakes_the_dags(
    airflow: FakeAirflow, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run, every DAG awake, an address that a person can open, a word on the dashboards that go on."""
    assert main(environment(airflow), home) == 0
    assert airflow.runs == 1
    assert set(airflow.woken) == {"platform_setup", "photo_ingest"}
    said = capsys.readouterr().out
    assert "http://127.0.0.1:8080" in said
    assert "import_dashboards goes on by itself" in said


@pytest.mark.parametrize("airflow", ["success"], indirect=True)
def test_setup_lets_a_paused_dag_sleep(airflow: FakeAirflow, home: Path) -> None:
    """At the next start only platform_setup is woken: what somebody paused in between stays paused."""
    main(environment(airflow), home)
    airflow.woken.clear()
    assert main(environment(airflow), home) == 0
    assert airflow.woken == ["platform_setup"]


@pytest.mark.parametrize("airflow", ["failed"], indirect=True)
def test_setup_says_where_to_look_when_it_fails(
    airflow: FakeAirflow, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the run's address as a person can open it; the other DAGs are not woken."""
    assert main(environment(airflow), home) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "http://127.0.0.1:8080/dags/platform_setup/runs/start__" in error
    assert "photo_ingest" not in airflow.woken


def test_setup_names_a_missing_variable(capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that is not set is named; no traceback."""
    assert main({}) == 1
    assert capsys.readouterr().err == "set AIRFLOW_URL\n"
