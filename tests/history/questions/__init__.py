"""Every statement on a hot path, by the adapter's own functions.

A question is made ready first, which nobody counts, and then put. It tells how much it was asked for: rows, shards,
photos; 1 where it is one thing whatever the history.
"""

from collections.abc import Mapping

from tests.history.questions import (
    bi,
    customers,
    finding,
    gallery,
    ingest,
    operations,
    reconcile,
    reprocess,
    retention,
    retention_writes,
    selection,
    tracing,
    upkeep,
)
from tests.history.questions.kind import Prepare

QUESTIONS: Mapping[str, Prepare] = {
    **gallery.QUESTIONS,
    **finding.QUESTIONS,
    **customers.QUESTIONS,
    **bi.QUESTIONS,
    **operations.QUESTIONS,
    **tracing.QUESTIONS,
    **reconcile.QUESTIONS,
    **retention.QUESTIONS,
    # From here on rows are written.
    **selection.QUESTIONS,
    **reprocess.QUESTIONS,
    **upkeep.QUESTIONS,
    **ingest.QUESTIONS,
    **retention_writes.QUESTIONS,
}
