"""What comes over the line before the first photo is seen, counted by Chromium."""

from urllib.parse import urlsplit

from tests.support.browser import chromium
from tests.support.slow_line import Line, first_photo, made_up_gallery, photographed, serving

MOST_BYTES = 120_000
FAST = Line(0, -1, -1)
FIRST = ["/api/v1/me", "/api/v1/photos?status=processed&order=taken&limit=60"]


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
