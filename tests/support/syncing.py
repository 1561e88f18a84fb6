"""The BI sync's ports on engines and an index of a test's own."""

from functools import partial

from sqlalchemy import Engine

from photo_pipeline.adapters.postgres.bi import (
    PostgresOutcomeSource,
    PostgresRefusedRegister,
    PostgresRenamings,
    PostgresSyncState,
)
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.ports.bi_sync import SearchIndex
from photo_pipeline.use_cases.bi_sync import SyncPorts


def sync_ports(reading: Engine, writing: Engine, index: SearchIndex) -> SyncPorts:
    """Each server under the account of its engine."""
    return SyncPorts(
        source=PostgresOutcomeSource(reading),
        state=PostgresSyncState(writing),
        rebuild=partial(PostgresSyncState.of_rebuild, writing),
        refused=PostgresRefusedRegister(writing),
        renamings=PostgresRenamings(writing),
        index=index,
        clock=DatabaseClock(writing),
    )
