"""The pages that every statement reads on a short past and on a very long one, as a table.

Only PostgreSQL is started. Twenty million records take some minutes to load and about 25 GB.
"""

import argparse

from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.history.pasts import Pasts, pasts
from tests.history.questions import QUESTIONS
from tests.history.shape import SMALL
from tests.history.verdict import Comparison
from tests.support.databases import Server, superuser_of
from tests.support.stacks import first_stack

from local_stack import Stack

MANY = 20_000_000


def verdict(found: Comparison) -> str:
    """In a word or two."""
    if found.holds:
        return "the same" if found.ratio <= found.ratio_of_each else "as asked"
    return "MORE"


def compare(found: Pasts) -> dict[str, Comparison]:
    """Put all questions."""
    return {question: found.compare(question) for question in track(QUESTIONS, description="asking")}


def report(figures: dict[str, Comparison], records: int) -> None:
    """Print every question with its pages, for how much was asked, and the verdict."""
    table = Table(title=f"Pages read of {SMALL:,} records and of {records:,}")
    for column in ("statement", "pages", "of", "pages", "of", "ratio", "of each", "verdict"):
        table.add_column(column, justify="left" if column in {"statement", "verdict"} else "right")
    for question, found in figures.items():
        costs = (found.short.pages, found.short.asked, found.long.pages, found.long.asked)
        ratios = (f"{found.ratio:.2f}", f"{found.ratio_of_each:.2f}")
        table.add_row(question, *(f"{number:,}" for number in costs), *ratios, verdict(found))
    Console(width=180).print(table)


def main() -> None:
    """Run the benchmark on the test stack's PostgreSQL."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, default=MANY)
    chosen = arguments.parse_args()
    stack = Stack(first_stack())
    endpoints = stack.up(("postgres",))
    with pasts(Server(endpoints, superuser_of(stack)), chosen.records) as found:
        figures = compare(found)
    report(figures, chosen.records)
    if not all(each.holds for each in figures.values()):
        raise SystemExit("some statements cost more because of what happened long ago")


if __name__ == "__main__":
    main()
