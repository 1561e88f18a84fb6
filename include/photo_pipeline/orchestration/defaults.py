"""What every DAG of the platform has in common."""

from datetime import timedelta
from typing import Any

OWNER = "photo-platform"
TAGS = ["photos"]


def default_args(*, retries: int = 3, retry_delay: timedelta = timedelta(seconds=15)) -> dict[str, Any]:
    """Owner and retries. Every task can be run again at any time, so retrying is always safe."""
    return {
        "owner": OWNER,
        "retries": retries,
        "retry_delay": retry_delay,
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=5),
    }
