"""What every DAG of the platform has in common."""

from datetime import timedelta
from typing import Any

from photo_pipeline.orchestration import pools
from photo_pipeline.orchestration.notifier import FailureNotifier

OWNER = "photo-platform"
TAGS = ["photos"]


def default_args(*, retries: int = 3, retry_delay: timedelta = timedelta(seconds=15)) -> dict[str, Any]:
    """Owner, retries, pool and who is told. Every task can be run again at any time, so retrying is always safe."""
    return {
        "owner": OWNER,
        "retries": retries,
        "retry_delay": retry_delay,
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=5),
        "on_failure_callback": FailureNotifier(),
        "pool": pools.POSTGRES,
    }
