"""Several processes of one application behind one address: uvicorn starts them, as many as ``WEB_CONCURRENCY`` says.

Each is an instance like any other, with its own memory, connections and limits, and hears of ended sessions as others
do. Only their metrics are one: the client library keeps them in the folder ``PROMETHEUS_MULTIPROC_DIR``, where
whichever process is asked adds them up.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from photo_pipeline.domain.errors import PhotoPipelineError

COUNT = "WEB_CONCURRENCY"
METRICS = "PROMETHEUS_MULTIPROC_DIR"


class ProcessesError(PhotoPipelineError):
    """Several processes were asked for that cannot be, or not so. The message names the environment variable."""


def prepare_processes(environ: Mapping[str, str]) -> None:
    """Have one folder for all processes' metrics, in which nothing says that a process lives that does not.

    Raises:
        ProcessesError: when there is no folder for the metrics of several processes.
    """
    folder = environ.get(METRICS)
    if folder is None:
        if _several(environ):
            raise ProcessesError(f"{METRICS}: name a folder of this container's own, as {COUNT} asks for several")
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProcessesError(f"{METRICS}: {error.strerror}: {folder}") from error
    for file in Path(folder).glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(int(pid), folder)  # type: ignore[no-untyped-call] # it has no types


def refuse_processes(environ: Mapping[str, str]) -> None:
    """For an application whose limits are those of all its connections together.

    Raises:
        ProcessesError: when several processes of it are asked for.
    """
    if _several(environ):
        raise ProcessesError(f"{COUNT}: this application runs as one process; start more instances of it")


def shares_metrics() -> bool:
    """Whether the client library, which looks at the environment when it is imported, keeps metrics in files."""
    return METRICS in os.environ


def _several(environ: Mapping[str, str]) -> bool:
    return environ.get(COUNT, "1").strip() not in {"", "0", "1"}
