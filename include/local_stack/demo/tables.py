"""What the demo prints at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from local_stack.demo.accounts import OUTCOMES, total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local_stack.demo.accounts import Account
    from local_stack.demo.customer import Customer, Refusal
    from local_stack.demo.places import Places

AIM_SECONDS = 15.0


def accounts_table(accounts: Sequence[Account]) -> Table:
    """Return the main table: accepted = processed + duplicate + rejected, in four places."""
    table = _table("What became of the photos: accepted = processed + duplicate + rejected")
    table.caption = "p processed, d duplicate, r rejected; a duplicate is no second photo"
    for heading in ("customer", "source"):
        table.add_column(heading, no_wrap=True)
    for heading in ("accepted", "ledger\np + d + r", "HDFS\np", "Postgre-\nSQL\np", "Elastic-\nsearch\np + d + r"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("equal")
    for account in accounts:
        table.add_row(*_cells(account), end_section=account is accounts[-1])
    table.add_row(*_cells(total(accounts)), style="bold")
    return table


def letters_table(counts: Mapping[str, int]) -> Table:
    """Return how many dead letters there are per reason."""
    table = _table("Dead letters in photos.rejected")
    table.add_column("reason", min_width=24)
    table.add_column("records", justify="right")
    for reason, count in sorted(counts.items()):
        table.add_row(reason, str(count))
    return table


def refusals_table(refused: Sequence[tuple[str, Refusal]]) -> Table:
    """Return what was not taken at the door, and why."""
    table = _table("Refused at the door, before anything was stored")
    for heading in ("file", "from", "reason", "as the customer is told"):
        table.add_column(heading)
    senders: dict[Refusal, list[str]] = {}
    for name, refusal in sorted(refused, key=lambda pair: (pair[1].filename, pair[0])):
        senders.setdefault(refusal, []).append(name)
    for refusal, names in senders.items():
        table.add_row(refusal.filename, ", ".join(names), refusal.reason, refusal.detail)
    return table


def freshness_line(seconds: Sequence[float]) -> str:
    """Return the freshness in words; percentiles by nearest rank."""
    p50, p95 = percentile(seconds, 50), percentile(seconds, 95)
    verdict = "[green]within[/]" if p95 < AIM_SECONDS else "[red]over[/]"
    return (
        f"[bold]Freshness[/], from receipt to gallery, {len(seconds)} single uploads on the idle platform: "
        f"p50 {p50:.1f} s, p95 {p95:.1f} s, {verdict} the aim of p95 under {AIM_SECONDS:.0f} s"
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile by nearest rank: the smallest value that so many per cent of all do not exceed."""
    rank = -(-percent * len(values) // 100)
    return sorted(values)[max(0, rank - 1)]


def where_to_look(places: Places, customers: Sequence[Customer]) -> Iterator[str]:
    """Return addresses and log-ins, one line each, which a terminal must not wrap: they are there to be copied."""
    airflow = f"{places.airflow_user} / {places.airflow_password}"
    search = f"{places.elasticsearch_user} / {places.elasticsearch_password}"
    yield "[bold]Where to look[/]"
    for customer in customers:
        yield f"  Gallery of {customer.name:<6} {places.api}  log in: {customer.email} / {customer.password}"
    yield f"  Upload API        {places.api}/docs"
    yield f"  Airflow           {places.airflow}  log in: {airflow}"
    yield f"  HDFS              {places.webhdfs.partition(';')[0]}/explorer.html#/photos/archive"
    yield f"  Elasticsearch     {places.elasticsearch}/photos/_search?q=outcome:rejected  log in: {search}"


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", caption_justify="left", box=box.SIMPLE_HEAD)
    table.pad_edge = False
    table.padding = (0, 1, 0, 0)  # fits a terminal of 80 columns
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
    return "+".join(str(counts.get(name, 0)) for name in OUTCOMES)
