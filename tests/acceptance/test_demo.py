"""The demo as a reader runs it, with a small folder of their own photos."""

import time
from io import StringIO
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from tests.support.panels import PANELS, Sides, differences
from tests.support.search import search_settings

from local_stack import Endpoints
from local_stack.demo.corpus import make_photos
from local_stack.demo.places import Places
from local_stack.demo.story import Story
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.bi.answers import full_scope
from photo_pipeline.settings import DatabaseSettings

PATIENCE = 60.0
"""Seconds in which what other tests have sent meanwhile has been synced, too."""


def test_demo_ends_well_on_a_running_platform(full_stack: Endpoints, tmp_path: Path) -> None:
    """Figures of all four places are equal (else it raises), and the reader is told what happened and where to look.

    Then every panel of Kibana's dashboards has the figures that SQL has.
    """
    for photo in make_photos(12, seed=9):
        (tmp_path / photo.name).write_bytes(photo.data)
    output = StringIO()
    console = Console(file=output, width=80)
    Story(Places.of(full_stack.as_environment()), console, tmp_path, limit=10, single_uploads=2).tell()
    text = output.getvalue()
    assert "10 photos from" in text
    assert "2 more left out" in text
    for expected in ("Ada", "Grace", "no customer", "unknown_customer", "truncated", "too_many_pixels", "letter.jpg"):
        assert expected in text
    for address in (full_stack.api_url, full_stack.airflow_url, full_stack.elasticsearch_url):
        assert address in text
    assert "Freshness, from receipt to gallery, 2 single uploads" in text
    assert differing(full_stack) == []


def differing(stack: Endpoints) -> list[str]:
    """Where a panel of Kibana's dashboards and SQL differ on all that is settled, both as an analyst sees them."""
    user, password = stack.elasticsearch_analyst_user, stack.elasticsearch_analyst_password
    url = stack.bi_database_url.replace("postgresql://", "postgresql+psycopg://")
    bi = make_engine(DatabaseSettings(url=SecretStr(url)), "test")
    deadline = time.monotonic() + PATIENCE
    with make_client(search_settings(stack.elasticsearch_url, user, password)) as client:
        sides = Sides(bi, client, "photos")
        while True:
            scope = full_scope(client, sides.alias)
            assert scope is not None
            found = [each for panel in PANELS for each in differences(sides, panel, scope)]
            if not found or time.monotonic() > deadline:
                bi.dispose()
                return found
            time.sleep(1)
