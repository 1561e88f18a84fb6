"""The real servers the tests run against: a stack of their own, beside the one of ``make up``."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from tests.support.search import leave_blocks
from tests.support.stacks import first_stack, further_stack, stack_of_this_process
from tests.support.turns import one_at_a_time, turn
from tests.support.watching import watch

from local_stack import Endpoints, Stack
from local_stack.errors import OtherSettingsError
from local_stack.progress import ConsoleProgress
from local_stack.sharing import Share

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

TESTS = Path(__file__).resolve().parent
TOGETHER = ("full_stack", "searched_stack", "dag_bag")
"""Fixtures that are made once in a process, and take long; the longest sequence of tests first."""
MATRICES = ("test_ingest_crashes", "test_bi_sync_crashes", "test_reprocess_crashes", "test_retention_crashes")
"""Files that kill a process at every boundary there is: each a process of its own, minutes in all."""
EACH = 6
"""Of the cases of such a test, every sixth is part of every run; ``make proofs`` runs all."""
PROOF = ("test_chaos_short",)
"""Files that only ``make proofs`` runs."""
AIRFLOW = ("metrics", "stream", "api", "airflow")
"""The units that only ``full_stack`` needs."""
SERVERS = ("postgres", "kafka", "hdfs")
"""What most tests on servers need."""
REST = pytest.StashKey["Callable[[], None]"]()
"""How to stop them."""
LONGEST_NAME = 120
"""Of a test's parameter, in characters or bytes."""


def pytest_configure(config: pytest.Config) -> None:
    """Let nothing hang, and no failure wait to be told."""
    watch(config, _stop_servers_of)


def _stop_servers_of(process: int) -> None:
    """Stop those of a process that died, unless another session uses them."""
    stack = Stack(further_stack(process) if process else first_stack())
    with Share(stack.settings.home / "users.lock") as share:
        if share.take_alone():
            stack.down()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Call long texts by their length: a photo would be sent to every process and written to all logs."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return f"{len(val)} {'bytes' if isinstance(val, bytes) else 'characters'}"
    return None


# A busy machine is no reason to fail: no test judges by time.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Say which tests stay together in one process when the suite runs in several, each with a stack of its own.

    What needs Airflow is one sequence, so that one process starts it, and comes first, being the longest. So is what
    needs Elasticsearch, which comes next. All else goes by files, which those take who have nothing else to do. A
    wrapper, because pytest-xdist reads the marks first.
    """
    _leave_out_proofs(config, items)
    groups = {item.path: group for group in reversed(TOGETHER) for item in items if group in _fixtures(item)}
    items.sort(key=lambda item: _turn(item, groups))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups.get(item.path, str(item.path.relative_to(TESTS)))))
    yield


def _turn(item: pytest.Item, groups: Mapping[Path, str]) -> int:
    """Long sequences come first: one that began last would be waited for by all."""
    if item.path in groups:
        return TOGETHER.index(groups[item.path])
    return len(TOGETHER) + (not item.path.stem.endswith("_in_a_browser"))


def _leave_out_proofs(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow proofs are a target of their own; what is left out is counted as deselected in the closing line."""
    if os.environ.get("PHOTO_PROOFS") == "1":
        return
    seen: Counter[str] = Counter()
    kept, left_out = [], []
    for item in items:
        (left_out if _is_left_out(item, seen) else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def _is_left_out(item: pytest.Item, seen: Counter[str]) -> bool:
    if item.path.stem in PROOF:
        return True
    if item.path.stem not in MATRICES:
        return False
    test = item.nodeid.partition("[")[0]
    seen[test] += 1
    return (seen[test] - 1) % EACH != 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Keep a test that takes servers away and those of other sessions, which need them, apart.

    Airflow stops after the last test that needs it: it is busy for as long as it runs, whether photos come or not.
    """
    if not _needs_servers(item):
        return (yield)
    with turn(stack_of_this_process().home, alone=_takes_servers_away(item)):
        result = yield
    if (rest := item.config.stash.get(REST, None)) and not (nextitem and "full_stack" in _fixtures(nextitem)):
        del item.config.stash[REST]
        rest()
    return result


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _needs_servers(item: pytest.Item) -> bool:
    return "test_stack" in _fixtures(item)


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))


def _takes_servers_away(item: pytest.Item) -> bool:
    shares = item.get_closest_marker("shares_servers") is not None
    return _folder(item) == "faults" and _needs_servers(item) and not shares


@pytest.fixture(scope="session")
def test_stack() -> Iterator[Stack]:
    """Give the test suite's stack; a test that stops and kills servers works on this.

    Sessions that run at the same time share it. The last one stops it, unless ``PHOTO_TEST_STACK_KEEP=1``: then the
    next session finds it running. One that was started by an older checkout is started anew.
    """
    stack = Stack(stack_of_this_process(), ConsoleProgress())
    home = stack.settings.home
    with ExitStack() as held:
        # One after the other, so that nobody uses yet what this one may have to start anew.
        with one_at_a_time(home / "start.lock"):
            share = held.enter_context(Share(home / "users.lock"))
            _up(stack, share)
        yield stack
        if os.environ.get("PHOTO_TEST_STACK_KEEP") != "1" and share.take_alone():
            stack.down()


def _up(stack: Stack, share: Share) -> None:
    try:
        stack.up(SERVERS)
    except OtherSettingsError:
        if not share.take_alone():
            raise
        stack.down()
        share.take_shared()
        stack.up(SERVERS)


@pytest.fixture(scope="session")
def stack(test_stack: Stack) -> Endpoints:
    """Give running servers: PostgreSQL, Kafka and HDFS."""
    return test_stack.up(SERVERS)


@pytest.fixture(scope="session")
def searched_stack(test_stack: Stack, stack: Endpoints) -> Endpoints:
    """Give those servers and Elasticsearch, whose start costs more than theirs together; not every process needs it."""
    endpoints = test_stack.up(["elasticsearch"])
    leave_blocks(endpoints)
    return endpoints


@pytest.fixture(scope="session")
def full_stack(test_stack: Stack, pytestconfig: pytest.Config) -> Iterator[Endpoints]:
    """Give everything running: the servers, Airflow with all DAGs, and both web applications."""
    with Share(test_stack.settings.home / "airflow-users.lock") as share:

        def rest() -> None:
            if share.take_alone():
                test_stack.stop(AIRFLOW)
            share.take_shared()

        if os.environ.get("PHOTO_TEST_STACK_KEEP") != "1":
            pytestconfig.stash[REST] = rest
        yield test_stack.up()
        # After the session's last test the servers are stopped with the rest, and this share is given up.
        if REST in pytestconfig.stash:
            del pytestconfig.stash[REST]
