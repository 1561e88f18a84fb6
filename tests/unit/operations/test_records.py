"""Refused records in groups and pages."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs

from tests.support.trails import ADA, CAMERA, NOW, PERSON, REFUSED

from photo_pipeline.domain.photo import Log
from photo_pipeline.domain.ways import NEWEST_REFUSED, RECORDS, Names, Passage
from photo_pipeline.operations.records import GROUPS, Chosen, page_of, refused_view

LOG = Log("photos.streamed", 0)
CHOSEN = Chosen(until=NOW)


def refused(count: int, reason: str = "truncated", **parts: object) -> list[Passage]:
    """So many of a kind, the newest first."""
    return [
        replace(REFUSED, where=LOG.at(count - n), reason=reason, processed_at=NOW - timedelta(seconds=n), **parts)  # type: ignore[arg-type] # parts by name
        for n in range(count)
    ]


def test_groups_add_up_and_lead_to_their_records() -> None:
    """The largest first; each group's address shows as many records as it says."""
    found = [*refused(70), *refused(3, "corrupt"), *refused(5, device_id=None, customer_id=None)]
    view = refused_view(found, CHOSEN, 0, Names({ADA: PERSON}))
    assert [(group.records, group.reason, group.who) for group in view.groups] == [
        (70, "truncated", "Ada (ada@example.org)"),
        (5, "truncated", ""),
        (3, "corrupt", "Ada (ada@example.org)"),
    ]
    assert sum(group.records for group in view.groups) == view.counted == len(found)
    query = parse_qs(view.groups[2].query)
    assert (query["reason"], query["customer"], query["device"]) == (["corrupt"], [str(ADA)], [str(CAMERA)])
    assert query["until"] == [NOW.isoformat()], "its pages stay the same while more comes"
    narrowed = refused_view(found, replace(CHOSEN, reason="corrupt", device=CAMERA), 0, Names())
    assert narrowed.counted == view.groups[2].records


def test_pages_follow_each_other_to_the_end() -> None:
    """Every record is on one page, in order, and the last page leads nowhere."""
    found = refused(2 * RECORDS + 1)
    pages = [page_of(found, CHOSEN, page) for page in range(3)]
    assert [one for page in pages for one in page] == found
    views = [refused_view(found, CHOSEN, page, Names()) for page in range(3)]
    assert [bool(view.older) for view in views] == [True, True, False]
    assert [bool(view.newer) for view in views] == [False, True, True]
    assert parse_qs(views[0].older)["page"] == ["1"]
    assert not refused_view(refused(2 * RECORDS), CHOSEN, 1, Names()).older


def test_what_is_not_counted_is_said() -> None:
    """Only so many of the newest are in the figures, and only so many groups are listed."""
    many = refused(NEWEST_REFUSED + 1)
    view = refused_view(many, CHOSEN, 0, Names())
    assert (view.counted, view.cut) == (NEWEST_REFUSED, True)
    kinds = [one for n in range(GROUPS + 2) for one in refused(1, f"reason {n}")]
    assert (
        len(refused_view(kinds, CHOSEN, 0, Names()).groups),
        refused_view(kinds, CHOSEN, 0, Names()).more_groups,
    ) == (
        GROUPS,
        2,
    )


def test_an_empty_list_is_a_page() -> None:
    """Nothing was refused, or nothing fits; what was chosen stays in the form."""
    view = refused_view([], replace(CHOSEN, reason="corrupt"), 0, Names())
    assert (view.counted, view.groups, view.rows, view.older, view.newer) == (0, [], [], "", "")
    assert [reason for reason, _ in view.reasons] == ["corrupt"]
