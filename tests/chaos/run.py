"""One run: load, faults, settling, checks."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

import httpx
import psycopg
from tests.chaos.faults import KINDS, Done, Killer, faults, wait_until_all_run
from tests.chaos.load import Load, Sender
from tests.chaos.operator import ENDED, AirflowClient, Operator
from tests.chaos.verify import CHECKS, Evidence
from tests.support.network import Network

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from local_stack.endpoints import endpoints_of
from local_stack.layout import layout_of

NO_LINES: Mapping[str, Network] = MappingProxyType({})
Say = Callable[[str], object]
NAMED = 20
"""How many findings of a check are kept in words."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of.

    Attributes:
        seed: decides photos, victims, order and pauses.
        seconds: how long faults go on.
        most: how many there are at most.
        rate: uploads per second.
        kinds: which faults.
        pace: how much faster than usual they follow each other.
        settle_seconds: how long everything may take to be well, and to be processed, afterwards.
        operate: whether retention, reconciliation and reprocessing run meanwhile.
    """

    seed: int = 1
    seconds: float = 600
    most: int = 10_000
    rate: float = 2.0
    kinds: Sequence[str] = KINDS
    pace: float = 1.0
    settle_seconds: float = 600
    operate: bool = False


@dataclass
class Result:
    """What came of a run.

    Attributes:
        plan: what it was.
        faults: what was done, in order.
        answers: how the requests ended, by way and status.
        receipts: how many were given.
        given_up: photos that no retry got accepted.
        settled_seconds: from the end of the faults until the last record had its outcome.
        findings: by check, in words; checks without findings are in ``passed``.
        passed: checks that found nothing.
        operated: how the operator's runs ended, by DAG and state.
    """

    plan: Plan
    faults: list[Done] = field(default_factory=list)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    receipts: int = 0
    given_up: int = 0
    settled_seconds: float = 0.0
    findings: dict[str, list[str]] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    operated: Counter[tuple[str, str]] = field(default_factory=Counter)


def run(stack: Stack, plan: Plan, say: Say, lines: Mapping[str, Network] = NO_LINES) -> Result:
    """Do one run on a stack that is up with everything."""
    with faulted(stack, plan, say, lines) as (result, evidence):
        check(evidence, result, say)
    return result


@contextmanager
def faulted(
    stack: Stack, plan: Plan, say: Say, lines: Mapping[str, Network] = NO_LINES
) -> Iterator[tuple[Result, Evidence]]:
    """One run until everything has settled; its customers stay signed in while this lasts."""
    endpoints = endpoints_of(stack.settings, Credentials(layout_of(stack.settings).secrets))
    result = Result(plan)
    with (
        closing(Sender(endpoints.api_url, endpoints.stream_url)) as uploader,
        closing(Sender(endpoints.api_url, endpoints.stream_url)) as camera,
    ):
        load = Load(uploader, camera, plan.rate, plan.seed)
        killer = Killer(stack, say, lines)
        operator = Operator(endpoints, plan.operate)
        with load, operator:
            killer.inject(faults(plan.seed, plan.kinds, plan.pace), plan.seconds, plan.most)
        result.faults, result.answers = killer.done, load.answers
        result.receipts, result.given_up = len(load.held), load.given_up
        say(f"{result.receipts} receipts; settling ...")
        _settle(stack, endpoints, load, result, say)
        _operate(operator, result)
        with psycopg.connect(endpoints.database_url, autocommit=True) as database:
            yield result, Evidence(endpoints, (uploader, camera), load.held, load.sent, database)


def _settle(stack: Stack, endpoints: Endpoints, load: Load, result: Result, say: Say) -> None:
    """Nobody helps: servers come back by themselves, and the schedule takes up what is left."""
    began = time.monotonic()
    deadline = began + result.plan.settle_seconds
    _judge(result, "all servers came back by themselves", wait_until_all_run(stack, result.plan.settle_seconds))
    left = [0]
    while time.monotonic() < deadline and (left := _left(endpoints, load)):
        time.sleep(2)
    result.settled_seconds = time.monotonic() - began
    words = [f"{waiting} records, slices or events still wait" for waiting in left]
    _judge(result, "everything settled by itself", words)
    say(f"settled after {result.settled_seconds:.0f} s")
    _sync(endpoints, deadline + 120)


def _left(endpoints: Endpoints, load: Load) -> list[int]:
    """How much has no outcome yet or is still to be published; nothing when all is done."""
    at = [(held.topic, held.partition, held.offset) for held in load.held]
    topics, partitions, offsets = (list(column) for column in zip(*at, strict=True)) if at else ([], [], [])
    query = (
        'SELECT (SELECT count(*) FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS w(topic, "partition", "offset") '
        'WHERE NOT EXISTS (SELECT 1 FROM ingest_record r WHERE (r.topic, r."partition", r."offset") = '
        '(w.topic, w."partition", w."offset"))) + (SELECT count(*) FROM outbox WHERE published_at IS NULL) '
        "+ (SELECT count(*) FROM slice WHERE state IN ('planned', 'running'))"
    )
    with psycopg.connect(endpoints.database_url, autocommit=True) as database:
        row = database.execute(query, (topics, partitions, offsets)).fetchone()
    return [row[0]] if row and row[0] else []


def _sync(endpoints: Endpoints, deadline: float) -> None:
    """Wait for a run of ``photo_bi_sync`` that began after everything had settled: it is due every five minutes."""
    with AirflowClient(endpoints) as airflow:
        airflow.wait("photo_bi_sync", airflow.trigger("photo_bi_sync"), deadline)


def _operate(operator: Operator, result: Result) -> None:
    """Its runs end, well or not, and a reconciliation after all that finds nothing."""
    if not result.plan.operate:
        return
    deadline = time.monotonic() + result.plan.settle_seconds
    result.operated = operator.ended(deadline)
    unfinished = [f"{dag}: {state}" for dag, state in result.operated if state not in ENDED]
    _judge(result, "retention, reconciliation and reprocessing end", unfinished)
    with AirflowClient(operator.endpoints) as airflow:
        state = airflow.wait("photo_reconcile", airflow.trigger("photo_reconcile"), deadline)
    _judge(result, "a reconciliation finds nothing", [] if state == "success" else [f"photo_reconcile is {state}"])


def check(evidence: Evidence, result: Result, say: Say) -> None:
    """Add what each check finds to the result."""
    for each in CHECKS:
        name = each.__name__.replace("_", " ")
        say(f"checking: {name}")
        try:
            found = list(each(evidence))
        except (httpx.HTTPError, psycopg.Error, OSError) as error:
            found = [f"could not be checked: {error!r}"]
        _judge(result, name, found)


def _judge(result: Result, name: str, found: Sequence[str]) -> None:
    if found:
        more = [f"... and {len(found) - NAMED} more"] if len(found) > NAMED else []
        result.findings[name] = [*found[:NAMED], *more]
    else:
        result.passed.append(name)
