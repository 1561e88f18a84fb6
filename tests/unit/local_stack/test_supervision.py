"""The supervisor's configuration, read back by the supervisor's own parser; and the supervisor itself."""

from __future__ import annotations

import os
import shlex
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from supervisor.options import ServerOptions

from local_stack.layout import layout_of
from local_stack.service import Layer, Service, nothing
from local_stack.settings import UNWRITABLE, load_settings
from local_stack.supervision import Supervisor, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local_stack.settings import StackSettings

VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=UNWRITABLE))
JSON_LIKE = st.dictionaries(VALUES, VALUES)


def parsed(services: list[Service], settings: StackSettings) -> dict[str, Any]:
    """Return the supervisor's own view of each program."""
    layout = layout_of(settings)
    layout.make()
    layout.supervisor_config.write_text(render(services, settings, layout))
    options = ServerOptions()
    options.realize(["-c", str(layout.supervisor_config)], doc="")
    return {program.name: program for group in options.process_group_configs for program in group.process_configs}


def service(name: str = "server", **changes: Any) -> Service:
    """Return a service that does nothing."""
    plain = Service(
        name=name,
        unit=name,
        title=name,
        layer=Layer.STORAGE,
        command=("/bin/true",),
        directory=Path("/"),
        probe=nothing,
    )
    return replace(plain, **changes)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(values=st.dictionaries(st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True), VALUES))
def test_environment_arrives_as_given(settings: StackSettings, values: dict[str, str]) -> None:
    """Commas, equals signs, brackets, percent signs and blanks in values survive the configuration file."""
    assert parsed([service(environment=values)], settings)["server"].environment == values


@pytest.mark.parametrize("value", ['{"a": "b, c=d", "e": {"f": "%(x)s 50%"}}', "postgresql+psycopg://u:p@h:1/d?x=y"])
def test_connections_arrive_as_given(settings: StackSettings, value: str) -> None:
    """What Airflow gets is JSON and URLs."""
    assert parsed([service(environment={"X": value})], settings)["server"].environment == {"X": value}


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(arguments=st.lists(VALUES, min_size=1))
def test_arguments_arrive_as_given(settings: StackSettings, arguments: list[str]) -> None:
    """Every argument reaches the program unchanged, empty ones too."""
    program = parsed([service(command=("/bin/true", *arguments))], settings)["server"]
    assert shlex.split(program.command) == ["/bin/true", *arguments]


def test_programs_restart_and_stop_with_all_their_children(settings: StackSettings) -> None:
    """A server that dies comes back; a stop reaches the whole process group; nothing starts before it is told to."""
    program = parsed([service(stop_signal="INT", stop_timeout=7)], settings)["server"]
    assert program.autorestart
    assert not program.autostart
    assert program.stopasgroup
    assert program.killasgroup
    assert program.stopsignal == 2
    assert program.stopwaitsecs == 7


def test_layers_stop_from_the_web_down_to_storage(settings: StackSettings) -> None:
    """The supervisor stops groups by falling priority, so no application outlives its database."""
    layout = layout_of(settings)
    layout.make()
    services = [service(layer.name.lower() + "-1", layer=layer) for layer in (Layer.WEB, Layer.STORAGE, Layer.AIRFLOW)]
    layout.supervisor_config.write_text(render(services, settings, layout))
    options = ServerOptions()
    options.realize(["-c", str(layout.supervisor_config)], doc="")
    groups = sorted(options.process_group_configs, key=lambda group: group.priority, reverse=True)
    assert [group.name for group in groups] == ["web", "airflow", "storage"]


def test_logs_are_bounded(settings: StackSettings) -> None:
    """A chatty server cannot fill the disk."""
    program = parsed([service()], settings)["server"]
    assert program.stdout_logfile_maxbytes == settings.limits.log_bytes
    assert program.stdout_logfile_backups == settings.limits.log_backups
    assert program.redirect_stderr


SLEEPING = service("sleeping", command=("/bin/sleep", "600"))


@pytest.fixture(scope="module")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """Give one that runs, and has one service, stopped."""
    settings = load_settings({}, home=tmp_path_factory.mktemp("supervised"))
    layout = layout_of(settings)
    layout.make()
    running = Supervisor(settings, layout)
    running.start(render([SLEEPING], settings, layout))
    yield running
    running.shutdown()


@pytest.mark.parametrize(
    "stop", [lambda it: it.stop_service(SLEEPING), lambda it: it.stop_layer(SLEEPING.layer)], ids=["service", "layer"]
)
def test_what_has_just_died_is_stopped_too(supervisor: Supervisor, stop: Callable[[Supervisor], None]) -> None:
    """Not started again a moment later: a primary that came back beside the standby in its place would be two."""
    supervisor.start_service(SLEEPING)
    while supervisor.states()[SLEEPING.name].state != "RUNNING":
        time.sleep(0.1)
    pid = supervisor.states()[SLEEPING.name].pid
    # It learns of the death while it is being asked.
    own_pid = int(supervisor._layout.supervisor_pid.read_text())
    os.kill(own_pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as asking:
        os.kill(pid, signal.SIGKILL)
        asked = asking.submit(stop, supervisor)
        time.sleep(0.2)
        os.kill(own_pid, signal.SIGCONT)
        asked.result()
    state = supervisor.states()[SLEEPING.name]
    assert (state.state, state.pid) == ("STOPPED", 0)


def test_what_does_not_run_is_stopped_already(supervisor: Supervisor) -> None:
    """Nothing to do, and no error."""
    supervisor.stop_service(SLEEPING)
    supervisor.stop_layer(SLEEPING.layer)
    assert supervisor.states()[SLEEPING.name].pid == 0
