"""What processes for fault tests have imported before they are forked; see ``tests.support.forking``.

No process id, connection or thread comes from these imports.
"""

from tests.faults import bi_sync_crash_worker, crash_worker, reprocess_crash_worker, retention_crash_worker

__all__ = ["bi_sync_crash_worker", "crash_worker", "reprocess_crash_worker", "retention_crash_worker"]
