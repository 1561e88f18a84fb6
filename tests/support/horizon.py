"""What a run of the sync can see: all that was committed before the oldest transaction that is still open."""

import time

from sqlalchemy import Engine, text

from photo_pipeline.ports.bi_sync import OutcomeSource

WAIT_SECONDS = 60.0
NEWEST = "SELECT CAST(max(updated_xid) AS text) FROM ingest_record"


def wait_for_horizon(owner: Engine, source: OutcomeSource) -> None:
    """Until no transaction anywhere on the server is older than what was last written."""
    with owner.connect() as connection:
        written = int(connection.execute(text(NEWEST)).scalar_one())
    deadline = time.monotonic() + WAIT_SECONDS
    while source.horizon() <= written:
        assert time.monotonic() < deadline, "another transaction stays open"
        time.sleep(0.05)
