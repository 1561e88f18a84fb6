"""What the demo prints at its end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.table import Table

from local_stack.demo.accounts import OUTCOMES, total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_stack.demo.accounts import Account
    from local_stack.demo.customer import Customer, Refusal
    from local_stack.demo.places import Places

AIM_SECONDS = 15.0


def accounts_table(accounts: Sequence[Account]) -> Table:
    """Return the main table: accepted = processed + duplicate + rejected, in four places."""
    table = Table(title="What became of the photos: accepted = processed + duplicate + rejected", caption=CAPTION)
    for heading in ("customer", "source"):
        table.add_column(heading)
    for heading in ("accepted", "ledger\np + d + r", "HDFS\nphotos", "PostgreSQL\nphotos", "Elasticsearch\np + d + r"):
        table.add_column(heading, justify="right")
    table.add_column("equal")
    for account in accounts:
        table.add_row(*_cells(account), end_section=account is accounts[-1])
    table.add_row(*_cells(total(accounts)), style="bold")
    return table


CAPTION = "p processed, d duplicate, r rejected; HDFS and PostgreSQL hold each processed photo once"


def counts_table(title: str, heading: str, counts: Mapping[str, int]) -> Table:
    """Return a table of how many of each."""
    table = Table(title=title)
    table.add_column(heading)
    table.add_column("records", justify="right")
    for name, count in Counter(counts).most_common():
        table.add_row(name, str(count))
    return table


def refusals_table(refused: Sequence[tuple[str, Refusal]]) -> Table:
    """Return what was not taken at the door, and why."""
    table = Table(title="Refused at the door, before anything was stored")
    for heading in ("customer", "file", "reason", "as the customer is told"):
        table.add_column(heading)
    for name, refusal in sorted(refused, key=lambda pair: (pair[0], pair[1].filename)):
        table.add_row(name, refusal.filename, refusal.reason, refusal.detail)
    return table


def freshness_line(seconds: Sequence[float]) -> str:
    """Return the freshness in words; percentiles by nearest rank."""
    p50, p95 = percentile(seconds, 50), percentile(seconds, 95)
    verdict = "[green]within[/]" if p95 < AIM_SECONDS else "[red]over[/]"
    return (
        f"Freshness, from receipt to gallery: p50 {p50:.1f} s, p95 {p95:.1f} s over {len(seconds)} single uploads "
        f"on the idle platform; {verdict} the aim of p95 under {AIM_SECONDS:.0f} s"
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile by nearest rank: the smallest value that so many per cent of all do not exceed."""
    rank = -(-percent * len(values) // 100)
    return sorted(values)[max(0, rank - 1)]


def where_to_look(places: Places, customers: Sequence[Customer]) -> Table:
    """Return addresses and log-ins."""
    table = Table(title="Where to look")
    for heading in ("what", "address", "log-in"):
        table.add_column(heading, overflow="fold")
    for customer in customers:
        table.add_row(f"Gallery of {customer.name}", places.api, f"{customer.email}  {customer.password}")
    table.add_row("Upload API, described", f"{places.api}/docs", "")
    table.add_row("Airflow", places.airflow, f"{places.airflow_user}  {places.airflow_password}")
    table.add_row("HDFS, in a browser", f"{places.webhdfs}/explorer.html#/photos/archive", "")
    search = f"{places.elasticsearch}/photos/_search?q=outcome:rejected"
    table.add_row("Elasticsearch", search, f"{places.elasticsearch_user}  {places.elasticsearch_password}")
    return table


def _cells(account: Account) -> tuple[str, ...]:
    sign = "[red]no[/]" if account.differences() else "[green]yes[/]"
    return (
        account.customer,
        account.source,
        str(account.accepted),
        _sum(account.ledger),
        str(account.archived),
        str(account.photos),
        _sum(account.search),
        sign,
    )


def _sum(counts: Mapping[str, int]) -> str:
    return f"{' + '.join(str(counts.get(name, 0)) for name in OUTCOMES)} = {sum(counts.values())}"
