"""What comes over the line before the first photo is seen, counted by Chromium."""

import re
from collections.abc import Sequence
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest
from tests.support.browser import chromium
from tests.support.slow_line import Line, first_photo, made_up_gallery, photographed, serving

from photo_pipeline.web.credentials import COOKIE

MOST_BYTES = 120_000
FAST = Line(0, -1, -1)
FIRST = ["/api/v1/me", "/api/v1/photos?status=processed&order=taken&limit=60"]

AHEAD = re.compile(r'<link rel="preload" as="fetch" crossorigin href="([^"]*)">')


def test_little_is_loaded_before_the_first_photo() -> None:
    """At most 120 KB: what is built is compressed and kept for ever, and no source is asked for beside it.

    The list that was asked for with the page serves the script, too. For a stranger none is asked for.
    """
    with serving(made_up_gallery([photographed(n) for n in range(60)])) as url, chromium() as browser:
        arrivals = first_photo(browser, url, FAST)
        stranger = first_photo(browser, url, FAST, known=False)
    assert 0 < arrivals.bytes_before <= MOST_BYTES
    asked = [answer.url.removeprefix(url) for answer in arrivals.answers.values()]
    assert sorted(asked[1:5])[:2] == FIRST
    assert asked.count(FIRST[1]) == 1
    assert [address for address in asked if address.startswith(("/static/", "/packages/"))] == []
    built = [
        each for each in arrivals.answers.values() if urlsplit(each.url).path.startswith("/assets/") and each.headers
    ]
    assert len(built) >= 3
    assert {each.headers["content-encoding"] for each in built} == {"br"}
    assert all("immutable" in each.headers["cache-control"] for each in built)
    page, *_ = arrivals.answers.values()
    assert page.headers["content-encoding"] == "gzip"
    begun = [urlsplit(answer.url).path for answer in stranger.answers.values()]
    assert FIRST[0] not in begun[:4]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "order", "ahead"),
    [
        ("", "", FIRST),
        ("", "taken", FIRST),
        ("", "uploaded", [FIRST[0], FIRST[1].replace("taken", "uploaded")]),
        ("", '"><script>', FIRST),
        ("?at=2025-12", "", FIRST[:1]),
        ("?name=a.jpg", "uploaded", FIRST[:1]),
    ],
)
async def test_what_is_sent_ahead_is_what_will_be_asked_for(query: str, order: str, ahead: Sequence[str]) -> None:
    """The list in the reader's order; none with a search, which the script has to understand first."""
    cookies = {COOKIE: "a session", "photo-order": order}
    pages = httpx.ASGITransport(made_up_gallery([]))
    async with httpx.AsyncClient(transport=pages, base_url="http://pages", cookies=cookies) as client:
        page = (await client.get(f"/{query}")).text
    assert [unescape(address) for address in AHEAD.findall(page)] == ahead
