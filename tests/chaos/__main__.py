"""``python -m tests.chaos --seed 1 --minutes 10``, on the stack that ``STACK`` names."""

import argparse
import sys
from dataclasses import replace

from tests.chaos import networks
from tests.chaos.faults import FAILOVERS, KINDS
from tests.chaos.networks import own_networks
from tests.chaos.report import tables
from tests.chaos.run import Plan, Result, run
from tests.support.network import why_no_network

from local_stack import Stack, load_settings
from local_stack.errors import StackError
from local_stack.progress import ConsoleProgress


def main() -> int:
    """Start the stack unless it runs, do the run, print what came of it; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed kills the same servers in the same order")
    parser.add_argument("--minutes", type=float, default=10, help="how long servers are killed")
    parser.add_argument("--rate", type=float, default=2.0, help="uploads per second; half as many photos are streamed")
    options = parser.parse_args()
    plan = replace(Plan(operate=True), seed=options.seed, seconds=options.minutes * 60, rate=options.rate)
    reason = why_no_network()
    try:
        result = _without_networks(plan) if reason else _with_networks(plan)
    except StackError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if reason:
        _say(f"no line was cut: {reason}")
    _say(tables(result))
    return 1 if result.findings else 0


def _with_networks(plan: Plan) -> Result:
    """Web applications, workers and one broker have networks of their own, so that they can be cut off."""
    with own_networks(load_settings()) as (settings, lines):
        stack = Stack(settings, ConsoleProgress())
        try:
            stack.up()
            return run(stack, replace(plan, kinds=(*_kinds(stack), *networks.KINDS)), _say, lines)
        finally:
            stack.down()


def _without_networks(plan: Plan) -> Result:
    stack = Stack(load_settings(), ConsoleProgress())
    was_running = stack.is_running()
    try:
        stack.up()
        return run(stack, replace(plan, kinds=_kinds(stack)), _say)
    finally:
        if not was_running:
            stack.down()


def _kinds(stack: Stack) -> tuple[str, ...]:
    return (*KINDS, *(FAILOVERS if stack.settings.instances.get("standby") else ()))


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line prints


sys.exit(main())
