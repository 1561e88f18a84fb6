"""``python -m tests.kibana_check --url https://kibana.example.com``: the dashboards in a real Kibana.

Imports them, opens each in Chromium until every panel is drawn, and compares tiles and tables with SQL. It fails on an
error badge, on a panel that is not drawn, and on a number that SQL does not say. Kibana must show the Elasticsearch to
which this PostgreSQL is synced. Accounts come from the environment: ``PHOTO_KIBANA_USER``, ``PHOTO_KIBANA_PASSWORD``
(may set up a space) and ``PHOTO_BI_DATABASE_URL``.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from tests.kibana_check.comparing import Rows, Truth, differences
from tests.kibana_check.looking import Look, address, log_in, look
from tests.support.figures import latencies, rank_fits
from tests.support.panels import FIGURE, PANELS

from photo_pipeline.bi.kibana.access import SPACE, bundle
from photo_pipeline.bi.kibana.saved_objects import DASHBOARDS
from photo_pipeline.bi.spec import Figure, Page, Scope
from photo_pipeline.composition.setup import kibana
from photo_pipeline.domain.dashboards import ImportedObjects
from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.settings import KibanaSettings
from photo_pipeline.use_cases.dashboards import provision

FOUND, FAILED = 1, 2
NEEDED = ("PHOTO_KIBANA_USER", "PHOTO_KIBANA_PASSWORD", "PHOTO_BI_DATABASE_URL")
SETTLED = timedelta(minutes=15)
"""The newest outcomes may not have been synced yet."""


def main(arguments: list[str] | None = None) -> int:
    """Print what was looked at and what was found; 0 where nothing was, 2 where it could not be looked at."""
    options = _parser().parse_args(arguments)
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        sys.stderr.write(f"error: set {', '.join(missing)}\n")
        return FAILED
    user, password, database = (os.environ[name] for name in NEEDED)
    settings = KibanaSettings(url=options.url, user=user, password=SecretStr(password), manage_role=False)
    until = datetime.now(UTC).replace(second=0, microsecond=0) - SETTLED
    scope = Scope.between(until - timedelta(days=options.days), until)
    try:
        found = check(settings, truth_of(create_engine(database)), scope, options.seconds)
    except (PhotoPipelineError, SQLAlchemyError, PlaywrightError) as error:
        sys.stderr.write(f"error: {str(error).splitlines()[0]}\n")
        return FAILED
    sys.stdout.write("".join(f"{line}\n" for line in found) or "every panel is drawn, and says what SQL says\n")
    return FOUND if found else 0


def check(settings: KibanaSettings, truth: Truth, scope: Scope, seconds: float) -> list[str]:
    """Import, look, compare; what was found, in words."""
    with kibana(settings) as server:
        done = provision(server, bundle(), manage_role=False)
    here = ImportedObjects(done.objects, done.renamed)
    found = [f"{each.identifier} is {each.here} here: another space holds its id" for each in done.renamed]
    with _chromium() as browser:
        context = browser.new_context(ignore_https_errors=True)
        log_in(context.new_page(), settings.url, settings.user, settings.password.get_secret_value())
        for board in Page:
            where = address(settings.url, SPACE.identifier, here.here(DASHBOARDS[board]), scope)
            names = [panel.name for panel in PANELS if panel.dashboard == board.value]
            # A page of its own: one that shows another dashboard would go on to show it for a while.
            seen = look(context.new_page(), where, ["links", *names, "words", "records"], seconds)
            found += _compared(seen, truth, scope)
        context.close()
    return found


def _compared(seen: Look, truth: Truth, scope: Scope) -> list[str]:
    found = list(seen.wrong)
    for name, panel in seen.panels.items():
        if name in FIGURE:
            found += differences(name, FIGURE[name], panel, scope, truth)
    return found


def truth_of(engine: Engine) -> Truth:
    """What SQL says of the figures."""

    def rows(figure: Figure, scope: Scope) -> Rows:
        parameters = {"since": scope.since, "until": scope.until, "interval": scope.interval.value}
        keys = len(figure.dimensions)
        with engine.connect() as connection:
            return {tuple(row[:keys]): tuple(row[keys:]) for row in connection.execute(text(figure.sql), parameters)}

    def ranks(scope: Scope, value: float, quantile: float) -> bool:
        return rank_fits(latencies(engine, scope, ()), value, quantile)

    return Truth(rows, ranks)


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.kibana_check", description=__doc__)
    parser.add_argument("--url", required=True, help="Kibana's address, without a space")
    parser.add_argument("--days", type=int, default=7, help="how many days are shown (7)")
    parser.add_argument("--seconds", type=float, default=120, help="how long a dashboard may take (120)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
