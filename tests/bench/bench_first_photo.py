"""How long a phone on slow 4G waits for the first photo of a gallery that it has never opened, and what comes before.

The line is Chromium's own throttling, with the figures of Lighthouse's "slow 4G" (``tests/support/slow_line.py`` says
where they are from): once as the line itself, 150 ms from a request to its answer, which the aim is about, and once as
Lighthouse has DevTools imitate one, where each request takes 563 ms. Pages and built files are the real ones; the API
behind them is made up and answers at once, so what its work takes comes on top (a list of 60 photos some 10 ms).
"""

import argparse
import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from tests.bench.aims import Aim
from tests.support.browser import chromium
from tests.support.slow_line import (
    SLOW_4G,
    SLOW_4G_BY_DEVTOOLS,
    Arrivals,
    first_photo,
    made_up_gallery,
    photographed,
    serving,
)

SECONDS, BYTES = 1.5, 120_000
PHOTOS = 60
LINES = {"slow 4G, 150 ms": SLOW_4G, "the same as DevTools imitates it, 563 ms": SLOW_4G_BY_DEVTOOLS}


def seconds_of(runs: Sequence[Arrivals]) -> float:
    """The median until the first photo."""
    return statistics.median(run.photo_seconds or float("inf") for run in runs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the gallery again and again, each time as if for the first, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="times that the page is opened on each line (default: 5)")
    rounds = parser.parse_args(arguments).rounds
    with serving(made_up_gallery([photographed(n) for n in range(PHOTOS)])) as url, chromium() as browser:
        runs = {name: [first_photo(browser, url, line) for _ in range(rounds)] for name, line in LINES.items()}
    table = Table(title="A gallery's first photo on a slow line, medians")
    for heading in ("line", "seconds", "kB before it", "requests before it"):
        table.add_column(heading, justify="left" if heading == "line" else "right")
    for name, each in runs.items():
        weight = statistics.median(run.bytes_before for run in each) / 1000
        table.add_row(name, f"{seconds_of(each):.2f}", f"{weight:.0f}", str(max(run.others for run in each)))
    console = Console()
    console.print(table)
    slow, *_ = runs.values()
    console.print(str(Aim("first photo on slow 4G, s", seconds_of(slow), SECONDS)))
    console.print(str(Aim("bytes before it", max(run.bytes_before for run in slow), BYTES)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
