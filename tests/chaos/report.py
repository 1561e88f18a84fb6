"""A run in tables: faults, findings, and how many requests failed."""

from collections import Counter
from io import StringIO

from rich.console import Console
from rich.table import Table
from tests.chaos.run import Result

WIDTH = 110


def tables(result: Result) -> str:
    """The run in words."""
    text = StringIO()
    console = Console(file=text, width=WIDTH, highlight=False)
    for table in (_faults(result), _requests(result), _operated(result), _findings(result)):
        console.print(table)
    lost = sum(map(len, result.findings.values()))
    console.print(
        f"seed {result.plan.seed}: {len(result.faults)} faults in {result.plan.seconds:.0f} s, "
        f"{result.receipts} receipts, settled after {result.settled_seconds:.0f} s, {lost} findings"
    )
    return text.getvalue()


def _faults(result: Result) -> Table:
    table = Table("fault", "times", "of these held down", title="Faults", title_justify="left", box=None)
    times = Counter(done.kind for done in result.faults)
    for kind, count in times.items():
        held = [done.down for done in result.faults if done.kind == kind and done.down]
        table.add_row(kind, str(count), f"{len(held)} (up to {max(held):.0f} s)" if held else "0")
    return table


def _requests(result: Result) -> Table:
    table = Table("way", "answer", "requests", "share", title="Requests", title_justify="left", box=None)
    totals: Counter[str] = Counter()
    for (way, _), count in result.answers.items():
        totals[way] += count
    for (way, answer), count in sorted(result.answers.items()):
        table.add_row(way, answer, str(count), f"{count / totals[way]:.1%}")
    if result.given_up:
        table.add_row("both", "given up after retries", str(result.given_up), "")
    return table


def _operated(result: Result) -> Table:
    table = Table("DAG", "state", "runs", title="Operator", title_justify="left", box=None)
    for (dag_id, state), count in sorted(result.operated.items()):
        table.add_row(dag_id, state, str(count))
    return table


def _findings(result: Result) -> Table:
    table = Table("check", "findings", "", title="Findings", title_justify="left", box=None)
    for name in result.passed:
        table.add_row(name, "0")
    for name, lines in result.findings.items():
        table.add_row(name, str(len(lines)), "\n".join(lines))
    return table
