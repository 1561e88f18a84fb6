"""docker-compose.yaml: what can be held to without a Docker engine."""

import json
import re
import shutil
import socketserver
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_stack.services.airflow import ORPHANS_SECONDS, TASK_SILENCE_SECONDS
from local_stack.services.elasticsearch import ROLES
from photo_pipeline.orchestration import connections
from photo_pipeline.settings import IngestSettings, KafkaSettings

Document = dict[str, Any]
Run = Callable[..., subprocess.CompletedProcess[str]]
Tool = Callable[[str], str | None]
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]*\}")
# A default may be made of another variable.
OPTIONAL = re.compile(r"\$\{(\w+):-((?:[^{}]|\{[^{}]*\})*)\}")
PUBLISHED = re.compile(r"127\.0\.0\.1:\$\{(PHOTO_PORT_\w+):-(\d+)\}:\d+")
UNITS = {"m": 2**20, "g": 2**30}
# What somebody else's program reads, or a library of ours without our doing.
FOREIGN = ("HADOOP_USER_NAME", "FORWARDED_ALLOW_IPS")
INTERPRETER_BYTES = 512 * 2**20


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    """docker-compose.yaml as it stands."""
    return (root / "docker-compose.yaml").read_text()


def is_job(service: Document) -> bool:
    """Whether a service is to end by itself."""
    return bool(service["restart"] == "no")


def size(limit: str) -> int:
    """Bytes of a size such as ``1536m``."""
    return int(limit[:-1]) * UNITS[limit[-1]]


def test_file_follows_the_compose_specification(run: Run) -> None:
    """The file is valid by the published JSON schema of the Compose specification."""
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = run(sys.executable, "-m", "check_jsonschema", *schema, "docker-compose.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def resolved(text: str, run: Run, tool: Tool, tmp_path: Path) -> Callable[..., dict[str, Document]]:
    """Docker compose's own reading of the file, with every required variable and some more: the services by name."""
    program = tool("docker-compose")
    if program is None:
        pytest.skip("docker compose is not installed; the schema above was checked all the same")

    def resolve(**given: str) -> dict[str, Document]:
        env_file = tmp_path / "env"
        required = dict.fromkeys(sorted(set(REQUIRED.findall(text))), "x")
        env_file.write_text("".join(f"{name}={value}\n" for name, value in {**required, **given}.items()))
        done = run(program, "--env-file", str(env_file), "--profile", "*", "config", "--format", "json")
        assert done.returncode == 0, done.stderr
        services: dict[str, Document] = json.loads(done.stdout)["services"]
        return services

    return resolve


def test_compose_itself_accepts_the_file(
    resolved: Callable[..., dict[str, Document]], services: dict[str, Document]
) -> None:
    """Docker compose resolves the file with an env file that has every required variable."""
    assert set(resolved()) == set(services)


def test_addresses_follow_their_ports(resolved: Callable[..., dict[str, Document]]) -> None:
    """Whoever moves a port gets links, cookies and receipts that lead there; whoever gives the address is believed."""
    ports = {"PHOTO_PORT_API": "9001", "PHOTO_PORT_STREAM": "9002", "PHOTO_PORT_KIBANA": "9003"}
    moved = resolved(**ports)
    api, tasks = moved["upload-api"]["environment"], moved["airflow-scheduler"]["environment"]
    assert api["PHOTO_PUBLIC_URL"] == tasks["PHOTO_PAGE_GALLERY_URL"] == "http://127.0.0.1:9001"
    assert api["PHOTO_STREAM_URL"] == "http://127.0.0.1:9002"
    assert tasks["PHOTO_PAGE_DASHBOARD_URL"].startswith("http://127.0.0.1:9003/")
    named = resolved(**ports, PHOTO_PUBLIC_URL="https://photos.example.com")
    assert named["stream-app"]["environment"]["PHOTO_PUBLIC_URL"] == "https://photos.example.com"


def test_no_address_on_this_machine_has_a_fixed_port(services: dict[str, Document]) -> None:
    """Wherever a browser is sent, the port is the variable that publishes it."""
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            assert not re.search(r"127\.0\.0\.1:\d", str(value)), f"{name}: {variable}"


def test_every_image_has_a_fixed_version(services: dict[str, Document], root: Path) -> None:
    """Nothing runs `latest` or an unversioned image; our own images have the project's version."""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    for name, service in services.items():
        image = service["image"]
        repository, _, tag = image.partition(":") if "${" in image else image.rpartition(":")
        if repository.startswith("photo-pipeline/"):
            assert tag == f"${{PHOTO_VERSION:-{version}}}", name
        else:
            assert re.fullmatch(r"[a-z0-9./-]+", repository), name
            assert re.match(r"\d+\.\d+", tag), f"{name}: {image}"


def test_every_server_says_how_it_is(services: dict[str, Document]) -> None:
    """Whatever keeps running has a healthcheck; whatever ends is waited for by somebody, or is the last step."""
    awaited = {
        name
        for service in services.values()
        for name, dependency in service.get("depends_on", {}).items()
        if dependency["condition"] == "service_completed_successfully"
    }
    for name, service in services.items():
        assert is_job(service) != ("healthcheck" in service), name
        assert not is_job(service) or name in awaited, name


def test_dependencies_exist_and_fit(services: dict[str, Document]) -> None:
    """Servers are waited for until healthy, jobs until done, and every name is a service."""
    for name, service in services.items():
        for needed, dependency in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if is_job(services[needed]) else "service_healthy"
            assert dependency["condition"] == expected, f"{name} needs {needed}"


def checks(services: dict[str, Document]) -> dict[str, str]:
    """What each healthcheck runs, as one text."""
    found = {name: service["healthcheck"]["test"] for name, service in services.items() if "healthcheck" in service}
    return {name: " ".join(test[1:]) for name, test in found.items()}


def test_no_healthcheck_starts_a_program_to_speak_of(services: dict[str, Document]) -> None:
    """They run for ever beside the work: a JVM each time costs a third of a core, and times out under load."""
    for name, command in checks(services).items():
        assert re.match(
            r"(bash -c )?(exec 3<>/dev/tcp/|curl |wget |PGPASSWORD=\S+ PGCONNECT_TIMEOUT=\d psql )", command
        ), name
        assert not re.search(r"\b(java|hdfs|python3?|airflow (?!-)|kafka-[a-z])", command), name


def test_postgres_is_healthy_once_the_upload_api_can_ask_it(services: dict[str, Document], root: Path) -> None:
    """A first start that was cut off leaves a server without roles: it answers, and is not healthy.

    The right that the check needs is the last thing that the first start gives.
    """
    command = checks(services)["postgres"]
    assert "--username=photo_api" in command
    assert "--dbname=photos" in command
    assert "select 1" in command
    last = (root / "compose" / "postgres" / "10-databases.sh").read_text().strip().splitlines()[-2]
    assert last == "GRANT CONNECT ON DATABASE photos TO photo_api, photo_pipeline, photo_bi;"


def test_uploads_do_not_wait_for_dashboards(services: dict[str, Document]) -> None:
    """Nothing that the two applications wait for, at first or at second hand, is Kibana."""
    waiting = ["upload-api", "stream-app", "edge"]
    needed: set[str] = set()
    while waiting:
        needs = set(services[waiting.pop()].get("depends_on", {})) - needed
        needed |= needs
        waiting += needs
    assert "platform-setup" in needed
    assert "kibana" not in needed


@dataclass(frozen=True, slots=True)
class Case:
    """A check of a service, the address that it asks, and what a server says that is well, or is not."""

    service: str
    address: str
    well: bytes
    ill: bytes


OK, BUSY = b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
CASES = (
    Case("upload-api", "127.0.0.1/8000", OK, BUSY),
    Case("photo-metrics", "127.0.0.1/9464", OK, BUSY),
    Case("kafka", "kafka/9092", b"\0\0\0\x0a\0\0\0\1", b""),
    Case("namenode", "127.0.0.1/9870", OK + b'{\n"Safemode" : ""\n}', OK + b'"Safemode" : "Safe mode is ON. Wait."'),
    Case("datanode", "127.0.0.1/9864", OK + b'[{"ActorState":"RUNNING"}]', OK + b'[{"ActorState":"INIT_FAILED"}]'),
)


class Answers(socketserver.BaseRequestHandler):
    """Reads a whole request, which bash sends line by line, and says what the server was told to say."""

    def handle(self) -> None:
        """Answer once."""
        heard = b""
        while not heard.endswith((b"\r\n\r\n", b"\xff\xff")) and (more := self.request.recv(4096)):
            heard += more
        self.request.sendall(self.server.answer)  # type: ignore[attr-defined] # set by the test


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives the answer to everybody; its address as bash writes it."""
    with socketserver.TCPServer(("127.0.0.1", 0), Answers) as server:
        server.answer = answer  # type: ignore[attr-defined] # read by the handler
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1/{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.service)
def test_healthchecks_tell_well_from_ill(services: dict[str, Document], run: Run, case: Case) -> None:
    """The command itself, in bash: 0 for the answer of a server that is well, another for any other and for none."""
    test = services[case.service]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "bash", "-c"]
    command = test[3].replace("$$", "$")
    assert case.address in command
    for answer, healthy in ((case.well, True), (case.ill, False)):
        with answering(answer) as address:
            assert (run("bash", "-c", command.replace(case.address, address)).returncode == 0) is healthy, answer
    assert run("bash", "-c", command.replace(case.address, address)).returncode != 0


def test_the_images_own_check_is_composes(services: dict[str, Document], root: Path) -> None:
    """Whoever runs the web image without compose gets the same check."""
    command = re.search(r"^  CMD (\[\"bash\", .*\])$", (root / "Dockerfile").read_text(), re.MULTILINE)
    assert command
    assert json.loads(command[1]) == [
        word.replace("$$", "$") for word in services["upload-api"]["healthcheck"]["test"][1:]
    ]


def test_ports_are_published_on_loopback_only(services: dict[str, Document], root: Path) -> None:
    """Every published port is on 127.0.0.1, and has the local stack's variable and default."""
    stack = tomllib.loads((root / "include" / "local_stack" / "stack.toml").read_text())["ports"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    for port in published:
        match = PUBLISHED.fullmatch(port)
        assert match, port
        name = match[1].removeprefix("PHOTO_PORT_").lower()
        assert name in {"kibana", "control_center"} or stack[name] == int(match[2]), port


def test_everything_is_bounded(services: dict[str, Document]) -> None:
    """Every service has a memory limit, rotated logs and no way to gain privileges."""
    for name, service in services.items():
        assert size(service["mem_limit"]), name
        assert service["logging"]["options"]["max-size"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_java_heaps_leave_room(services: dict[str, Document]) -> None:
    """A heap takes at most two thirds of its container."""
    heaps = {
        name: size(match[1])
        for name, service in services.items()
        for value in service.get("environment", {}).values()
        if (match := re.search(r"-Xmx(\d+[mg])", str(value)))
    }
    assert {"kafka", "namenode", "datanode", "elasticsearch"} <= set(heaps)
    for name, heap in heaps.items():
        assert heap <= size(services[name]["mem_limit"]) * 2 / 3, name


def test_scheduler_holds_all_image_processes_at_their_limit(services: dict[str, Document]) -> None:
    """Even if every task's image processes reach their limit at once, the container does not run out of memory."""
    scheduler = services["airflow-scheduler"]
    environment = scheduler["environment"]
    images = int(environment["PHOTO_INGEST_WORKERS"]) * int(environment["PHOTO_INGEST_IMAGE_MEMORY_BYTES"])
    task = images + IngestSettings().in_flight_bytes + INTERPRETER_BYTES
    assert int(environment["AIRFLOW__CORE__PARALLELISM"]) * task <= size(scheduler["mem_limit"])


def test_no_secret_has_a_default(text: str, root: Path) -> None:
    """Secrets come from the env file or compose stops; what has a default is no secret by its name."""
    for name, default in OPTIONAL.findall(text):
        assert re.match(r"PHOTO_(PORT_\w+|VERSION|PUBLIC_URL|STREAM_URL|SECURE_COOKIES|API_PROCESSES)$", name), name
        assert default, name
    rest = re.sub(r"\$\{\w+:[?-](?:[^{}]|\{[^{}]*\})*\}|\$\$\w+", "", text)
    assert not re.search(r"\$\{?\w+\}(?!\})", rest), "a bare ${VARIABLE}"
    example = dict(
        line.split("=", 1) for line in (root / ".env.example").read_text().splitlines() if line[:1].isalpha()
    )
    assert set(example) == set(REQUIRED.findall(text))
    assert not any(example.values())


def test_applications_get_settings_that_exist(services: dict[str, Document], setting_names: set[str]) -> None:
    """Every PHOTO_* variable that a container of ours gets is one that settings.py reads."""
    ours = [service for service in services.values() if service["image"].startswith("photo-pipeline/")]
    assert len(ours) == 9
    for service in ours:
        given = {name for name in service["environment"] if name.startswith(("PHOTO_", "HADOOP_", "FORWARDED_"))}
        assert given - set(FOREIGN) <= setting_names


def test_kafka_keeps_and_takes_what_the_design_says(services: dict[str, Document]) -> None:
    """Retention, segments and the size limit are the product's, on the broker and for every client.

    The only broker has on its disk what it acknowledges.
    """
    limits = KafkaSettings(bootstrap_servers="unused:9092")
    broker = services["kafka"]["environment"]
    assert int(broker["KAFKA_LOG_RETENTION_MS"]) == limits.retention_ms == 7 * 24 * 3600 * 1000
    assert int(broker["KAFKA_LOG_ROLL_MS"]) == limits.segment_ms <= 6 * 3600 * 1000
    assert int(broker["KAFKA_MESSAGE_MAX_BYTES"]) == limits.max_message_bytes
    assert int(broker["KAFKA_REPLICA_FETCH_MAX_BYTES"]) == limits.max_message_bytes
    assert broker["KAFKA_LOG_MESSAGE_TIMESTAMP_TYPE"] == "LogAppendTime"
    assert broker["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert broker["KAFKA_LOG_FLUSH_INTERVAL_MESSAGES"] == "1"  # there is no second copy
    for name in ("airflow-scheduler", "airflow-triggerer", "upload-api", "stream-app"):
        assert int(services[name]["environment"]["PHOTO_KAFKA_MAX_MESSAGE_BYTES"]) == limits.max_message_bytes, name
    scheduler = services["airflow-scheduler"]["environment"]
    assert int(scheduler["PHOTO_KAFKA_RETENTION_MS"]) == limits.retention_ms
    assert int(scheduler["PHOTO_KAFKA_SEGMENT_MS"]) == limits.segment_ms


def test_tasks_and_watcher_get_every_connection(services: dict[str, Document]) -> None:
    """Each connection id of the DAGs is there as Airflow's JSON, for those who run them and for nobody else."""
    ids = {value for name, value in vars(connections).items() if name.isupper() and str(value).startswith("photo_")}
    for name, service in services.items():
        environment = service.get("environment", {})
        given = {key: value for key, value in environment.items() if key.startswith("AIRFLOW_CONN_")}
        if name in {"airflow-scheduler", "airflow-triggerer"}:
            assert set(given) == {f"AIRFLOW_CONN_{identifier.upper()}" for identifier in ids}
            assert all(json.loads(REQUIRED.sub("secret", value))["conn_type"] for value in given.values())
        else:
            assert not given, name


def test_tasks_of_a_dead_scheduler_are_found_as_soon_as_in_the_local_stack(services: dict[str, Document]) -> None:
    """The same two settings as everywhere (ADR 0094), for every process of Airflow."""
    wanted = {"ORPHANED_TASKS_CHECK_INTERVAL": ORPHANS_SECONDS, "TASK_INSTANCE_HEARTBEAT_TIMEOUT": TASK_SILENCE_SECONDS}
    for name in ("airflow-scheduler", "airflow-api-server", "airflow-triggerer"):
        given = services[name]["environment"]
        assert {key: int(given[f"AIRFLOW__SCHEDULER__{key}"]) for key in wanted} == wanted, name


def test_elasticsearch_roles_are_the_local_stacks(root: Path) -> None:
    """The roles that compose creates are those that the tests on the real server run with."""
    folder = root / "compose" / "elasticsearch" / "roles"
    for role, privileges in ROLES.items():
        assert json.loads((folder / f"{role}.json").read_text()) == privileges


def test_elasticsearch_setup_makes_every_role_there_is(root: Path) -> None:
    """The set-up step names the role files, no more and no fewer."""
    script = (root / "compose" / "elasticsearch" / "setup.sh").read_text()
    match = re.search(r"^for role in (.+); do$", script, re.MULTILINE)
    assert match
    assert set(match[1].split()) == {path.stem for path in (root / "compose/elasticsearch/roles").glob("*.json")}


def test_versions_of_a_family_agree(services: dict[str, Document]) -> None:
    """Kibana and Elasticsearch, and the parts of Control Center, have the same version."""
    tags = {name: service["image"].rpartition(":")[2] for name, service in services.items()}
    assert tags["kibana"] == tags["elasticsearch"] == tags["elasticsearch-setup"]
    centre = ("control-center", "control-center-prometheus", "control-center-alertmanager")
    assert len({tags[name] for name in centre}) == 1


def test_control_center_stays_out_unless_asked_for(services: dict[str, Document]) -> None:
    """Only the parts of Control Center have a profile: everything else starts with a plain `up`."""
    for name, service in services.items():
        assert service.get("profiles") == (["control-center"] if name.startswith("control-center") else None), name


def test_mounted_files_exist(services: dict[str, Document], root: Path) -> None:
    """Docker would make an empty folder of a path that is not there."""
    mounted = [
        volume.split(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert mounted
    for path in mounted:
        assert (root / path).exists(), path


@pytest.mark.parametrize("script", ["compose/elasticsearch/setup.sh", "compose/postgres/10-databases.sh"])
def test_shell_scripts_parse(root: Path, run: Run, script: str) -> None:
    """Bash accepts the scripts, and they can be executed."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    done = run(bash, "-n", script)
    assert done.returncode == 0, done.stderr
    assert (root / script).stat().st_mode & 0o111
