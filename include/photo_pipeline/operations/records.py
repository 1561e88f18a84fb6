"""Records as lines of a list, with names for those who may know them. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from photo_pipeline.domain.ways import NEWEST_REFUSED, RECORDS, Names, Passage
from photo_pipeline.operations.finding import customer_path, of_passage, record_path
from photo_pipeline.operations.text import NONE, moment, size
from photo_pipeline.operations.view import sentence_of

GROUPS = 50
"""As many groups of refused records are shown: the largest."""
DAYS = (1, 7, 30)
"""Windows in which refused records are looked for."""


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record as a line. ``file`` and ``who`` are empty where they are not known, or not for whoever looks."""

    where: str
    path: str
    photo: str
    at: str
    outcome: str
    why: str
    detail: str
    file: str
    who: str
    customer: str
    customer_path: str
    device: str
    source: str
    size: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Refused records with a reason, a customer and a device in common. ``query`` leads to them alone."""

    records: int
    reason: str
    sentence: str
    who: str
    customer: str
    device: str
    newest: str
    query: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the list of refused records is narrowed to; empty is any. ``until`` keeps its pages the same."""

    reason: str = ""
    customer: UUID | None = None
    device: UUID | None = None
    days: int = 7
    until: datetime | None = None

    def query(self, page: int = 0, **other: object) -> str:
        """The address's query for this choice, or one that differs in what is named."""
        values: dict[str, object] = {
            "reason": self.reason,
            "customer": self.customer,
            "device": self.device,
            "days": self.days,
            "until": None if self.until is None else self.until.isoformat(),
            "page": page,
        }
        return urlencode({name: value for name, value in (values | other).items() if value not in {None, "", 0}})


@dataclass(frozen=True, slots=True)
class RefusedView:
    """Refused records: in groups, and one page of them. ``newer`` and ``older`` are queries, empty where there is none.

    ``cut`` says that there are older ones within the window that nobody has counted.
    """

    chosen: Chosen
    counted: int
    cut: bool
    groups: Sequence[GroupRow]
    more_groups: int
    rows: Sequence[RecordRow]
    reasons: Sequence[tuple[str, str]]
    newer: str
    older: str


def shown(passages: Sequence[Passage]) -> tuple[Sequence[Passage], Passage | None]:
    """What fits on a page, and the last of it where there is more."""
    page = passages[:RECORDS]
    return page, page[-1] if len(passages) > RECORDS else None


def record_row(one: Passage, names: Names) -> RecordRow:
    """A record as a line."""
    return RecordRow(
        where=str(one.where),
        path=record_path(one.where) if one.outcome == "rejected" else of_passage(one),
        photo="" if one.photo_id is None else str(one.photo_id),
        at=moment(one.processed_at),
        outcome=one.outcome,
        why="" if one.reason is None else sentence_of(one.reason),
        detail=one.detail or "",
        file=names.files.get(one.where, ""),
        who=who(one.customer_id, names),
        customer="" if one.customer_id is None else str(one.customer_id),
        customer_path="" if one.customer_id is None else customer_path(one.customer_id),
        device="" if one.device_id is None else str(one.device_id),
        source=one.source or NONE,
        size=size(one.bytes),
    )


def who(customer_id: UUID | None, names: Names) -> str:
    """A customer's name and mail address, for those who may know them."""
    person = None if customer_id is None else names.people.get(customer_id)
    if person is None:
        return ""
    if person.closed_at is not None:
        return "closed account"
    return f"{person.name} ({person.email})"


def page_of(found: Sequence[Passage], chosen: Chosen, page: int) -> Sequence[Passage]:
    """The records of that page among those that were found, for whom names are asked for."""
    matching = _matching(found, chosen)
    return matching[page * RECORDS : (page + 1) * RECORDS]


def largest_groups(found: Sequence[Passage], chosen: Chosen) -> list[tuple[tuple[str, UUID | None, UUID | None], int]]:
    """Reason, customer and device of groups, and how many records each has, the largest first."""
    counted = Counter((one.reason or "", one.customer_id, one.device_id) for one in _matching(found, chosen))
    return counted.most_common()


def refused_view(found: Sequence[Passage], chosen: Chosen, page: int, names: Names) -> RefusedView:
    """The page of refused records, of the newest that the ledger gave."""
    matching, groups = _matching(found, chosen), largest_groups(found, chosen)
    newest: dict[tuple[str, UUID | None, UUID | None], datetime] = {}
    for one in matching:
        newest.setdefault((one.reason or "", one.customer_id, one.device_id), one.processed_at)
    reasons = sorted({one.reason for one in found if one.reason} | ({chosen.reason} if chosen.reason else set()))
    last = (page + 1) * RECORDS >= len(matching)
    return RefusedView(
        chosen=chosen,
        counted=len(matching),
        cut=len(found) > NEWEST_REFUSED,
        groups=[_group_row(key, records, newest[key], chosen, names) for key, records in groups[:GROUPS]],
        more_groups=max(0, len(groups) - GROUPS),
        rows=[record_row(one, names) for one in page_of(found, chosen, page)],
        reasons=[(reason, sentence_of(reason)) for reason in reasons],
        newer=chosen.query(page - 1) if page else "",
        older="" if last else chosen.query(page + 1),
    )


def _matching(found: Sequence[Passage], chosen: Chosen) -> list[Passage]:
    wanted = (one for one in found[:NEWEST_REFUSED] if chosen.reason in {"", one.reason})
    return [one for one in wanted if chosen.device in {None, one.device_id}]


def _group_row(
    key: tuple[str, UUID | None, UUID | None], records: int, newest: datetime, chosen: Chosen, names: Names
) -> GroupRow:
    reason, customer, device = key
    return GroupRow(
        records=records,
        reason=reason,
        sentence=sentence_of(reason),
        who=who(customer, names),
        customer="" if customer is None else str(customer),
        device="" if device is None else str(device),
        newest=moment(newest),
        query=chosen.query(reason=reason, customer=customer, device=device),
    )
