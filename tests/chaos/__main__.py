"""``python -m tests.chaos --seed 1 --minutes 10``, on the stack that ``STACK`` names."""

import argparse
import sys
from dataclasses import replace

from tests.chaos.report import tables
from tests.chaos.run import Plan, run

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
    stack = Stack(load_settings(), ConsoleProgress())
    was_running = stack.is_running()
    try:
        stack.up()
        plan = replace(Plan(), seed=options.seed, seconds=options.minutes * 60, rate=options.rate)
        result = run(stack, plan, lambda line: print(line, flush=True))  # noqa: T201 - a command line prints
    except StackError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        if not was_running:
            stack.down()
    print(tables(result))  # noqa: T201 - a command line prints
    return 1 if result.findings else 0


sys.exit(main())
