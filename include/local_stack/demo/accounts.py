"""Accepted = processed + duplicate + rejected, and the same in all four places: the rows of the demo's main table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_stack.demo.figures import NOBODY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_stack.demo.figures import Group

OUTCOMES = ("processed", "duplicate", "rejected")


@dataclass(frozen=True, slots=True)
class Account:
    """One customer and source.

    Attributes:
        customer: Name.
        source: ``upload`` or ``stream``.
        accepted: Receipts, and acknowledgements that the raw producer got.
        ledger: Records per outcome.
        archived: Distinct photos in the shards on HDFS.
        photos: Rows of the table ``photo``.
        search: Documents per outcome.
    """

    customer: str
    source: str
    accepted: int
    ledger: Mapping[str, int]
    archived: int
    photos: int
    search: Mapping[str, int]

    def differences(self) -> list[str]:
        """Say what does not add up, in words; nothing when all is well."""
        processed = self.ledger.get("processed", 0)
        ledger, search = self.ledger, self.search
        same = [(f"{name} in Elasticsearch", search.get(name, 0), name, ledger.get(name, 0)) for name in OUTCOMES]
        checks = [
            ("records in the ledger", sum(self.ledger.values()), "accepted", self.accepted),
            ("documents in Elasticsearch", sum(self.search.values()), "accepted", self.accepted),
            ("photos on HDFS", self.archived, "processed", processed),
            ("photos in PostgreSQL", self.photos, "processed", processed),
            ("outcomes of no known kind", sum(set_apart(self.ledger).values()), "expected", 0),
            *same,
        ]
        who = f"{self.customer}/{self.source}"
        return [f"{who}: {found} {what}, but {other} {of}" for what, found, of, other in checks if found != other]


def set_apart(counts: Mapping[str, int]) -> dict[str, int]:
    """Return outcomes that an accepted record cannot have."""
    return {name: count for name, count in counts.items() if name not in OUTCOMES}


def settle(
    names: Mapping[str, str],
    accepted: Mapping[Group, int],
    ledger: Mapping[Group, Mapping[str, int]],
    archived: Mapping[Group, int],
    photos: Mapping[Group, int],
    search: Mapping[Group, Mapping[str, int]],
) -> Sequence[Account]:
    """Lay the four places side by side.

    Args:
        names: Of the customers, by id.
        accepted: What the senders have been told, like the rest per customer id and source.
        ledger: Outcomes in the ledger.
        archived: Photos on HDFS.
        photos: Photos in PostgreSQL.
        search: Outcomes in Elasticsearch.
    """
    groups = {*accepted, *ledger, *archived, *photos, *search}
    order = [*names, NOBODY]
    return [
        Account(
            customer=names.get(group[0], "no customer"),
            source=group[1],
            accepted=accepted.get(group, 0),
            ledger=ledger.get(group, {}),
            archived=archived.get(group, 0),
            photos=photos.get(group, 0),
            search=search.get(group, {}),
        )
        for group in sorted(groups, key=lambda group: (order.index(group[0]), group[1] != "upload"))
    ]


def total(accounts: Sequence[Account]) -> Account:
    """Return the sum of all rows."""
    ledger: Counter[str] = Counter()
    search: Counter[str] = Counter()
    for account in accounts:
        ledger.update(account.ledger)
        search.update(account.search)
    return Account(
        customer="all",
        source="",
        accepted=sum(account.accepted for account in accounts),
        ledger=ledger,
        archived=sum(account.archived for account in accounts),
        photos=sum(account.photos for account in accounts),
        search=search,
    )
