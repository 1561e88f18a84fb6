"""The demo as a reader runs it, with a small folder of their own photos."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from local_stack import Endpoints
from local_stack.demo.corpus import make_photos
from local_stack.demo.places import Places
from local_stack.demo.story import Story


def test_demo_ends_well_on_a_running_platform(full_stack: Endpoints, tmp_path: Path) -> None:
    """Figures of all four places are equal (else it raises), and the reader is told what happened and where to look."""
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
