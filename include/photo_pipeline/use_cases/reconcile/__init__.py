"""Reconciliation: Kafka against the ledger against HDFS against PostgreSQL against Elasticsearch.

Each check compares two of them and keeps its result in the table ``reconciliation``. What can be derived again is
repaired: search documents from rows, outbox entries from records. Originals are never guessed about: what is wrong with
them is a finding. Groups of checks run apart from each other, so that a server that is away stops no other group.
"""

from collections.abc import Mapping
from types import MappingProxyType

from photo_pipeline.use_cases.reconcile.archive import check_members, check_shards
from photo_pipeline.use_cases.reconcile.kafka import check_lag, check_offsets, check_topics
from photo_pipeline.use_cases.reconcile.ledger import (
    check_contiguity,
    check_losses,
    check_open_slices,
    check_outbox,
    check_photos,
)
from photo_pipeline.use_cases.reconcile.run import (
    Check,
    ReconcileLimits,
    ReconcilePorts,
    Verdict,
    open_run,
    run_checks,
    verdict,
)
from photo_pipeline.use_cases.reconcile.search import check_search

__all__ = ["CHECK_NAMES", "GROUPS", "ReconcileLimits", "ReconcilePorts", "Verdict", "open_run", "run_checks", "verdict"]

GROUPS: Mapping[str, Mapping[str, Check]] = MappingProxyType(
    {
        "kafka": {"kafka_topics": check_topics, "kafka_offsets": check_offsets, "kafka_lag": check_lag},
        "ledger": {
            "ledger_contiguity": check_contiguity,
            "ledger_losses": check_losses,
            "ledger_open_slices": check_open_slices,
            "ledger_outbox": check_outbox,
            "ledger_photos": check_photos,
        },
        "archive": {"archive_shards": check_shards},
        "checksums": {"archive_members": check_members},
        "search": {"search_documents": check_search},
    }
)
"""Each group's checks, in their order, by the names under which their results are kept."""

CHECK_NAMES = tuple(name for checks in GROUPS.values() for name in checks)
