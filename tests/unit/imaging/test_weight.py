"""The imaging package as the web applications and Airflow's tasks import it."""

import subprocess
import sys

import photo_pipeline

PROBE = """
import sys
from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.domain.imaging import CONTENT_TYPES, EXTENSIONS, ImageLimits, process, read_header, sniff
print([name for name in ("PIL", "pillow_heif", "cykooz_resizer", "blurhash_rs", "airflow") if name in sys.modules])
"""


def test_no_decoder_is_loaded_before_a_photo_is_decoded() -> None:
    """Whoever sniffs, reads headers or hands photos to workers needs no image library, nor has it in memory."""
    root = str(next(iter(photo_pipeline.__path__)) + "/..")
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", PROBE], env={"PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
