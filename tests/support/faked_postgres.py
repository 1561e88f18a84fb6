"""A small PostgreSQL of a test's own, whose clock can be set wrong: it runs under libfaketime."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr
from tests.support.databases import Database
from tests.support.replicas import free_port

from local_stack import Stack
from local_stack.distributions import all_distributions
from local_stack.layout import layout_of
from local_stack.services.steps import run_step
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.settings import DatabaseSettings

LIBRARIES = ("/usr/lib", "/usr/local/lib")
START_SECONDS = 60
ROLES = ("photo_owner", "photo_api", "photo_pipeline", "photo_bi")


@dataclass(frozen=True, slots=True)
class FakedPostgres:
    """The server's data, and what it takes to run on them."""

    programs: Path
    data: Path
    port: int
    user: str | None
    library: Path

    def url(self, role: str, database: str = "photos") -> str:
        """Who wants to connect is believed."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    @property
    def database(self) -> Database:
        """The roles' ways to it."""
        owner, api, pipeline, bi = (_settings(self.url(role)) for role in ROLES)
        return Database(owner=owner, api=api, pipeline=pipeline, bi=bi)

    @contextmanager
    def running(self, faketime: str = "+0") -> Iterator[None]:
        """The server is up, with its clock so far off, as libfaketime has it: ``+8d``."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        account = pwd.getpwnam(self.user) if self.user else None
        process = subprocess.Popen(  # noqa: S603 - our own server
            command,
            env={**_environment(faketime, self.library), "HOME": str(self.data.parent)},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            cwd=self.data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_until_up(process)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(START_SECONDS)

    def _wait_until_up(self, process: "subprocess.Popen[bytes]") -> None:
        for _ in range(START_SECONDS * 10):
            assert process.poll() is None, "PostgreSQL has ended"
            try:
                psycopg.connect(self.url("postgres", "postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        pytest.fail("PostgreSQL did not come up")


@contextmanager
def faked_postgres(test_stack: Stack) -> Iterator[FakedPostgres]:
    """A migrated database on a server that is not running; skips the test where its clock cannot be set wrong."""
    library = next((path for root in LIBRARIES for path in Path(root).glob("**/libfaketime.so.1")), None)
    if library is None:
        pytest.skip("libfaketime is not installed (Debian: apt-get install faketime)")
    layout = layout_of(test_stack.settings)
    folder = layout.make_owned(layout.data / f"faked_{uuid4().hex[:12]}")
    programs = all_distributions()["postgres"].folder(test_stack.settings.cache) / "bin"
    server = FakedPostgres(programs, folder / "data", free_port(), layout.service_user, library)
    try:
        initdb = [str(programs / "initdb"), "-D", str(server.data), "--username=postgres", "--auth=trust", "--no-sync"]
        run_step("creating a small cluster", [*initdb, "--encoding=UTF8", "--locale=C"], user=layout.service_user)
        with server.running():
            _make_database(server)
        yield server
    finally:
        shutil.rmtree(folder)


def _make_database(server: FakedPostgres) -> None:
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as connection:
        for role in ROLES:
            connection.execute(f"CREATE ROLE {role} LOGIN")  # type: ignore[call-overload] # names of this module
        connection.execute("CREATE DATABASE photos OWNER photo_owner")
    engine = make_engine(server.database.owner, "tests")
    upgrade(engine)
    engine.dispose()


def _settings(url: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(url.replace("postgresql:", "postgresql+psycopg:")))


def _environment(faketime: str, library: Path) -> Mapping[str, str]:
    # Time limits go on to be measured with a clock that is right.
    fake = {"LD_PRELOAD": str(library), "FAKETIME": faketime, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}
    return {"PATH": os.environ["PATH"], **fake}
