"""The decoders as a worker process sets them."""

import pytest

from photo_pipeline.domain.imaging.decode import prepare_decoders


@pytest.fixture(autouse=True, scope="session")
def _prepared_decoders() -> None:
    """Set the libraries' process-wide settings once, as ``image_worker_main`` does."""
    prepare_decoders()
