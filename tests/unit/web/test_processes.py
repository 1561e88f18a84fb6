"""Several processes of one application: one folder of metrics, and a plain word where that cannot be."""

import os
from pathlib import Path

import pytest

from photo_pipeline.web.processes import ProcessesError, prepare_processes, refuse_processes

NOBODY = 2**22 + 1
"""More than the highest process id."""


def test_without_processes_nothing_is_needed(tmp_path: Path) -> None:
    """As ever: no folder is made."""
    for environ in ({}, {"WEB_CONCURRENCY": "1"}, {"WEB_CONCURRENCY": ""}):
        prepare_processes(environ)
        refuse_processes(environ)
    assert list(tmp_path.iterdir()) == []


def test_several_need_a_place_for_their_metrics(tmp_path: Path) -> None:
    """Else each would show its own, and a graph would jump between them."""
    with pytest.raises(ProcessesError, match="PROMETHEUS_MULTIPROC_DIR: name a folder"):
        prepare_processes({"WEB_CONCURRENCY": "2"})
    prepare_processes({"WEB_CONCURRENCY": "2", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "a" / "b")})
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(ProcessesError, match=r"PROMETHEUS_MULTIPROC_DIR: .*file"):
        prepare_processes({"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "file")})


def test_what_a_dead_process_held_is_held_no_longer(tmp_path: Path) -> None:
    """Its gauges go; what it has counted stays counted."""
    files = [tmp_path / name for name in (f"gauge_livesum_{NOBODY}.db", f"counter_{NOBODY}.db")]
    alive = tmp_path / f"gauge_livesum_{os.getpid()}.db"
    for file in (*files, alive):
        file.touch()
    prepare_processes({"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)})
    assert sorted(tmp_path.iterdir()) == sorted([files[1], alive])


def test_an_application_may_be_for_one_process_only() -> None:
    """Where its limits are of all its connections together."""
    with pytest.raises(ProcessesError, match="WEB_CONCURRENCY: this application runs as one process"):
        refuse_processes({"WEB_CONCURRENCY": "2"})
